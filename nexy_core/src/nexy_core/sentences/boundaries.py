"""Where a sentence ends: the rules that do not depend on how the text arrives.

Every decision looks at a bounded stretch behind the candidate and is taken only when that stretch is known, so it is
the same however the text was cut into pieces.
"""

import re

import attrs

from nexy_core.sentences.abbreviations import ends_exclamation, ends_sentence

EMOJI = "\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0e\ufe0f\u200d\U000e0020-\U000e007f"
_WIDE_STOPS = "。！？．｡"
_STOPS = f".!?…‼⁇⁈⁉{_WIDE_STOPS}"
_QUOTES = "\"'”’»＂」』》〉"
_CANDIDATE = re.compile(rf"[{_STOPS}\n`]")
_STOP = re.compile(
    rf"(?P<run>[{_STOPS}]++)(?P<closers>(?:[{re.escape(_QUOTES)})\]*_~）】]|\[\d{{1,3}}\])*+)"
    rf"(?P<emoji>(?:[^\S\n]*[{EMOJI}]+)*+)"
)
_PARTIAL_NOTE = re.compile(r"\[\d{0,3}\Z")
_SPACE = re.compile(r"\s*+")
_BLANK_LINE = re.compile(r"\n\s*\n")
_EMOJI_RUN = re.compile(rf"[{EMOJI}][{EMOJI} \t]*+")
_ITEM = re.compile(r"[-*+•‣◦▪–—]\s|(?:\d{1,3}|[a-zа-я])[.)]\s|#{1,6}\s|[>|]|`{3}|~{3}")
_PARTIAL_ITEM = re.compile(r"(?:[-*+•‣◦▪–—]|(?:\d{1,3}|[a-zа-я])[.)]?|#{1,6}|`{1,2}|~{1,2})\Z")
_OPENERS = re.compile(r"[\"'“‘«„(\[*_¿¡「『（]*+")
_DASH = re.compile(r"[—–-]+\s*")
_OWN_LINE = re.compile(r"[ \t]*(?:#{1,6}\s|\|)")
_TICKS = re.compile(r"`+")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_SPEAKABLE = re.compile(r"[^\W_]")
_INLINE_CODE_CHARS = 120
_WORD_CHARS = 24
_ADDRESS_SIGNS = frozenset("/\\=&?@")
_NEED_MORE = -1
_NO = 0


@attrs.define
class Boundaries:
    """The search for one sentence's end. ``scanned``: up to there the window holds no end."""

    scanned: int = attrs.field(init=False, default=0)
    _speaks: bool = attrs.field(init=False, default=False)

    def find(self, window: str, *, final: bool) -> int:
        """Where the sentence that begins ``window`` ends, its blanks included; 0 if that is not known."""
        while found := _CANDIDATE.search(window, self.scanned):
            at = found.start()
            cut, resume = self._judge(window, at, final=final)
            if cut == _NEED_MORE:
                self.scanned = at
                return 0
            if cut and self._has_words(window, at):
                return cut
            self.scanned = resume
        self.scanned = max(self.scanned, len(window))
        return 0

    def pass_over(self, known: int, text: str) -> bool:
        """Whether no end can be in ``text``, which comes behind ``known`` characters: it is then scanned too."""
        if self.scanned != known or _CANDIDATE.search(text):
            return False
        self.scanned += len(text)
        return True

    def _has_words(self, window: str, at: int) -> bool:
        """Emoji, bars and dots never stand alone: a piece has something to say."""
        self._speaks = self._speaks or bool(_SPEAKABLE.search(window, 0, at))
        return self._speaks

    def _judge(self, window: str, at: int, *, final: bool) -> tuple[int, int]:
        """The cut for the candidate ``at`` (or _NO, or _NEED_MORE) and where to go on."""
        if window[at] == "`":
            return _behind_code(window, at, final=final)
        if window[at] == "\n":
            return _at_line_break(window, at)
        return _at_stop(window, at, final=final)


def _behind_code(window: str, at: int, *, final: bool) -> tuple[int, int]:
    """Inline code is passed over whole; a backtick that nothing closes is an ordinary character."""
    ticks = _TICKS.match(window, at)
    assert ticks is not None
    limit = ticks.end() + _INLINE_CODE_CHARS
    stretch = window[ticks.end() : limit]
    line = stretch.split("\n", 1)[0]
    end = line.find(ticks[0])
    undecided = len(window) < limit and len(line) == len(stretch)
    if undecided and end < 0 and not final:
        return _NEED_MORE, at
    return _NO, (ticks.end() + end + len(ticks[0]) if end >= 0 else ticks.end())


def _at_line_break(window: str, at: int) -> tuple[int, int]:
    end = _absorb(window, at)
    if end == len(window):
        return _NEED_MORE, at
    if end < 0:
        return -end, -end
    if _BLANK_LINE.search(window, at, end) or _OWN_LINE.match(window, window.rfind("\n", 0, at) + 1):
        return end, end
    if _PARTIAL_ITEM.match(window, end):
        return _NEED_MORE, at
    return (end if _ITEM.match(window, end) else _NO), end


def _absorb(window: str, at: int) -> int:
    """The end of the blanks at ``at`` and of lines of nothing but emoji; negative: emoji that begin a line of text."""
    end = _match_end(_SPACE, window, at)
    while emoji := _EMOJI_RUN.match(window, end):
        if emoji.end() < len(window) and window[emoji.end()] != "\n":
            return -end
        end = _match_end(_SPACE, window, emoji.end())
    return end


def _at_stop(window: str, at: int, *, final: bool) -> tuple[int, int]:
    stop = _STOP.match(window, at)
    assert stop is not None
    end = _absorb(window, stop.end())
    if end == len(window):
        return _NEED_MORE, at
    if end < 0:
        return -end, -end
    verdict = _verdict(window, stop, end, final=final)
    return (_NEED_MORE, at) if verdict is None else (end if verdict else _NO, stop.end("closers"))


def _verdict(window: str, stop: re.Match[str], end: int, *, final: bool) -> bool | None:
    """Does the sentence end with this stop? None: what follows is not known yet."""
    if _PARTIAL_NOTE.match(window, end):
        return None
    if any(char in _WIDE_STOPS for char in stop["run"]):
        return True
    if end == stop.end():
        return _without_space(window, stop, end)
    if window[end] in "—–-":
        return _before_dash(window, stop, end)
    return _before_text(window, stop, end, final=final)


def _without_space(window: str, stop: re.Match[str], end: int) -> bool:
    if stop["emoji"]:
        return True
    if stop["run"].strip("…"):
        return bool(_WIDE.match(window, end) and (stop["run"] != "." or _WIDE.match(window, stop.start() - 1)))
    return False


def _before_dash(window: str, stop: re.Match[str], end: int) -> bool | None:
    """A dash that attributes a quotation keeps the sentence going."""
    if any(quote in _QUOTES for quote in stop["closers"]):
        return False
    after = _match_end(_DASH, window, end)
    if after == len(window):
        return None
    return not window[after].islower()


def _before_text(window: str, stop: re.Match[str], end: int, *, final: bool) -> bool | None:
    first = _match_end(_OPENERS, window, end)
    if first + 1 >= len(window) and not final:
        return None
    head = window[first : first + 2]
    if head[:1] == "." or (head[:1].islower() and not head[1:].isupper()):  # iPhone
        return False
    start = _word_start(window, stop.start())
    address = window[max(0, start - 1) : start] in _ADDRESS_SIGNS  # "https://a.example/?b=e.g. It"
    if address or stop["emoji"] or stop["closers"].strip("*_~"):
        return True
    if stop["run"] != ".":
        return ends_exclamation(window[start : stop.end("run")], window[first:], final=final)
    return ends_sentence(window[:start], window[start : stop.start()], window[first:], final=final)


def _word_start(window: str, end: int) -> int:
    start = end
    while start > max(0, end - _WORD_CHARS) and (window[start - 1].isalnum() or window[start - 1] in ".'’-"):
        start -= 1
    return start


def _match_end(pattern: re.Pattern[str], window: str, at: int) -> int:
    match = pattern.match(window, at)
    assert match is not None  # the pattern matches the empty text
    return match.end()
