"""The settings of nexy-filter."""

from nexy_core import Setting

ACTIONS = ("mask", "drop", "pass")


def _pattern_problem(value: object) -> str:
    from nexy_filter.content.patterns import problem

    return problem(value if isinstance(value, list) else [])


def declared() -> tuple[Setting, ...]:
    """Every key of the table ``filter``."""
    return (
        Setting(
            "filter.profanity",
            str,
            "mask",
            "Profanity in answers, English and Russian: mask (shown with asterisks, not spoken), drop or pass.",
            choices=ACTIONS,
            live=True,
        ),
        Setting(
            "filter.secrets",
            str,
            "mask",
            "Card numbers, keys, tokens and passwords in answers: mask, drop or pass.",
            choices=ACTIONS,
            live=True,
        ),
        Setting(
            "filter.words_file",
            str,
            "",
            "A file of further words, one a line: 'word' exactly, 'stem*' with any ending, '!word' never.",
        ),
        Setting(
            "filter.patterns",
            list,
            [],
            "Regular expressions (RE2 syntax: linear time, no look-around); what they match is masked or dropped.",
            check=_pattern_problem,
        ),
        Setting(
            "filter.patterns_action",
            str,
            "mask",
            "What happens to what filter.patterns match: mask, drop or pass.",
            choices=ACTIONS,
            live=True,
        ),
        Setting(
            "filter.speech",
            str,
            "auto",
            "Who writes out numbers, dates and units for the voice: damga (the extra nexy-filter[speech]), plain "
            "(built in) or auto (damga if it is installed).",
            choices=("auto", "damga", "plain"),
        ),
        Setting(
            "filter.languages",
            list,
            ["en", "ru"],
            "Languages whose grammars damga loads at start (20 to 80 MB each); others are written out by 'plain'.",
        ),
    )
