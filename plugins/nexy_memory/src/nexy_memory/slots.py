# ruff: noqa: E501  # tables of patterns read best one to a line
"""What a statement is about. Two memories of one slot contradict each other: the newer one holds.

By form, not by likeness: the nearness of unrelated and of contradicting sentences overlaps.
"""

import re
from collections.abc import Callable

from nexy_memory.stems import stem_words

SLOT_CHARS_MAX = 80
_NAMED, _AGED, _JOB, _HOME, _VALUE = "name", "age", "job", "home", "is"

# Stems of everyday nouns, Russian to English, so that a fact told in one language supersedes one told in the other.
_SAME = {
    "кот": "cat", "кошк": "cat", "собак": "dog", "жен": "wife", "муж": "husband", "сын": "son", "доч": "daughter",
    "дочер": "daughter", "дочк": "daughter", "мам": "mother", "мат": "mother", "mom": "mother", "mum": "mother",
    "пап": "father", "отц": "father", "отец": "father", "dad": "father", "сестр": "sister", "брат": "brother",
    "начальник": "boss", "врач": "doctor", "доктор": "doctor", "телефон": "phone", "номер": "number",
    "адрес": "address", "машин": "car", "автомобил": "car", "цвет": "colour", "color": "colour", "фильм": "film",
    "movi": "film", "групп": "band", "ед": "food", "блюд": "dish", "город": "citi", "любим": "favourit",
    "favorit": "favourit", "размер": "size", "обув": "shoe", "школ": "school", "банк": "bank", "друг": "friend",
    "лучш": "best", "команд": "team", "книг": "book", "песн": "song", "тренер": "coach", "trainer": "coach",
    "работ": "job", "професс": "job", "смен": "shift", "поезд": "train", "рожден": "birth", "ден": "day",
    "birthday": "birth day", "день": "day", "почт": "email", "имейл": "email",
}  # fmt: skip
_FILLERS = frozenset(
    [
        "больш",
        "снов",
        "опят",
        "очен",
        "really",
        "very",
        "much",
        "ani",
        "more",
        "anymor",
        "again",
        "still",
        "now",
        "тепер",
    ]
)
_ATTRIBUTE = re.compile(
    r"\b(?:favou?rite|size|time|number|address|birthday|e-?mail|nickname|любим\w+|размер\w*|номер\w*|адрес\w*"
    r"|врем\w+|день рождения|почт\w+|прозвищ\w+)\b",
    re.IGNORECASE,
)
_ONE_NAME = re.compile(r"[A-ZА-ЯЁ][\w'-]*(?: [A-ZА-ЯЁ][\w'-]*)?\W*")
_SPECIFIC = re.compile(r"\d|(?<!^)\b[A-ZА-ЯЁ]|[«\"“]")
_LANGUAGE = r"(?:[A-Z]\w+(?:ish|ese|ian|an|ic|ew|i)|French|Greek|Dutch|Welsh|Czech|Thai)"


def _about(prefix: str) -> Callable[[re.Match[str]], str]:
    def slot(found: re.Match[str]) -> str:
        subject = _subject(found["x"])
        return f"{prefix}:{subject}" if subject else ""

    return slot


def _mine(aspect: str) -> Callable[[re.Match[str]], str]:
    def slot(found: re.Match[str]) -> str:
        subject = _subject(found["x"])
        return f"my:{subject} {aspect}" if subject else ""

    return slot


def _fixed(name: str) -> Callable[[re.Match[str]], str]:
    return lambda _found: name


def _possession(found: re.Match[str]) -> str:
    """ "my X is Y": what is said of X depends on the verb and on the form of Y."""
    subject = _subject(found["x"])
    aspect = _aspect(found["x"], found["verb"].casefold(), found["y"])
    return f"my:{subject} {aspect}" if subject and aspect else ""


def _aspect(subject: str, verb: str, value: str) -> str:
    for aspect, verbs in _VERBS.items():
        if verb.startswith(verbs):
            return aspect
    if _AGE.search(value):
        return _AGED
    if _ATTRIBUTE.search(subject):
        return _VALUE
    if _ONE_NAME.fullmatch(value):
        return _NAMED
    if value.startswith(("on ", "at ", "in ")):
        return "where"
    return _VALUE if _SPECIFIC.search(value) else ""


def _subject(text: str) -> str:
    stems = [_SAME.get(stem, stem) for stem in stem_words(text)]
    return " ".join(sorted({part for stem in stems if stem not in _FILLERS for part in stem.split()}))


_AGE = re.compile(r"^\S+(?:[ -]\S+)? (?:years old|years|лет|год|года)\b", re.IGNORECASE)
_VERBS = {
    _NAMED: ("is called", "are called", "is named", "are named", "зовут"),
    _JOB: ("works", "работает"),
    _HOME: ("lives", "живёт", "живет"),
    "where": ("находится", "расположен"),
    "starts": ("starts", "begins", "начинается"),
    "leaves": ("leaves", "departs", "отправляется", "уходит"),
}
_MY_EN = r"(?:my|our) (?P<x>[\w'-]+(?: [\w'-]+){0,3}?) (?P<verb>is called|are called|is named|are named|is|are|works|lives|starts|begins|leaves|departs) (?P<y>.+)"
_MY_RU = r"(?:мо[йяеёию]|мою|моего|моих|наш\w*) (?P<x>[\w-]+(?: [\w-]+){0,2}?) (?P<verb>[—–-]|это|зовут|работает|жив[её]т|находится|начинается|отправляется|уходит) (?P<y>.+)"
# Nobody says the dash.
_MY_RU_BARE = r"(?:мо[йяеё]|наш\w*) (?P<x>любим\w+ \w+|день рождения|(?:номер|размер) \w+|адрес(?: (?:электронной )?почты)?|почта|прозвище) .+"
_LIKE_EN = r"i (?:really |still |do not |don't |no longer |now |also )*(?:like|love|hate|enjoy|adore|dislike) (?P<x>.+)"
_LIKE_RU = r"я (?:больше |очень |уже |теперь |снова |не )*(?:люблю|обожаю|ненавижу) (?P<x>.+)"
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), make)
    for pattern, make in (
        (r"(?:my name is|(?:please )?call me|i am called|i'm called|меня зовут|зови(?:те)? меня|моё имя|мое имя) .+", _fixed("name")),
        (r"(?:i|we)(?:'ve| have)?(?: now| just| recently| currently)? (?:live|moved|relocated|am living|are living)(?: .+)? (?:in|to) .+", _fixed("city")),
        (r"(?:i'm|i am|we're|we are) (?:now )?(?:living|based) (?:in|at) .+", _fixed("city")),
        (r"(?:теперь |сейчас )?(?:я|мы) (?:теперь |сейчас |недавно )?(?:жив(?:у|[её]м)|переехал[аи]?|перебрал(?:ся|ась|ись))(?: .+)? (?:в|во|на) .+", _fixed("city")),
        (r"i(?:'m| am)? (?:now )?(?:work|working)(?: now)? (?:as|at|for|in) .+", _fixed("job")),
        (r"я (?:теперь |сейчас )?работаю .+", _fixed("job")),
        (r"i (?:now )?study (?:at|in) .+", _fixed("study")),
        (r"я (?:теперь )?учусь (?:в|во|на) .+", _fixed("study")),
        (rf"(?-i:[Ii](?:'m| am) (?:now )?(?:learning|studying) {_LANGUAGE}\b.*)", _fixed("learning language")),
        (r"я (?:теперь |сейчас )?(?:учу|изучаю) \w+(?:ский|ий язык)\b.*", _fixed("learning language")),
        (r"(?:i am|i'm) \S+(?: \S+)? years old.*", _fixed("age")),
        (r"мне (?:уже )?\S+(?: \S+)? (?:лет|год|года)\b.*", _fixed("age")),
        (r"(?:моему|моей) (?P<x>\w+) (?:уже )?\S+(?: \S+)? (?:лет|год|года)\b.*", _mine(_AGED)),
        (r"i(?:'m| am)(?: not| no longer)? allergic to (?P<x>.+)", _about("allergy")),
        (r"у меня (?:больше )?(?:нет |есть )?аллерги[яи] на (?P<x>.+)", _about("allergy")),
        (r"(?:my|our) (?P<x>[\w'-]+(?: [\w'-]+){0,2})'s name is .+", _mine(_NAMED)),
        (r"the name of (?:my|our) (?P<x>[\w'-]+(?: [\w'-]+){0,2}) is .+", _mine(_NAMED)),
        (r"(?:имя|кличка) (?:моего|моей|нашего|нашей) (?P<x>(?:\w+(?:ей|его|ого) )?\w+) .+", _mine(_NAMED)),
        (r"у меня (?P<x>день рождения) .+", _mine(_VALUE)),
        (_LIKE_EN, _about("like")),
        (_LIKE_RU, _about("like")),
        (_MY_EN, _possession),
        (_MY_RU, _possession),
        (_MY_RU_BARE, _mine(_VALUE)),
    )
)  # fmt: skip
_END = " .!…"


def slot_of(text: str) -> str:
    """The slot of a statement, "" for one that contradicts nothing by its form."""
    plain = " ".join(text.replace("’", "'").split()).rstrip(_END)
    for pattern, make in _RULES:
        found = pattern.fullmatch(plain)
        if found:
            return make(found)[:SLOT_CHARS_MAX]
    return ""
