"""English numbers, money, times and units in words."""

import re

from nexy_filter.speech.numerals import in_words

_MAX_DIGITS = 18
_YEARS = range(1100, 2100)
_CURRENCIES = {
    "$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "penny"),
    "¥": ("yen", ""),
    "₽": ("ruble", "kopeck"),
    "₹": ("rupee", "paisa"),
}
_SCALES = {"k": "thousand", "m": "million", "mln": "million", "b": "billion", "bn": "billion", "t": "trillion"}
_UNITS = {
    "km/h": "kilometer per hour", "mph": "mile per hour", "m/s": "meter per second", "kg": "kilogram", "g": "gram",
    "mg": "milligram", "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "mi": "mile",
    "ft": "foot", "lb": "pound", "lbs": "pound", "oz": "ounce", "l": "liter", "L": "liter", "ml": "milliliter",
    "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "sec": "second", "s": "second", "ms": "millisecond",
    "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "Hz": "hertz", "KB": "kilobyte", "MB": "megabyte",
    "GB": "gigabyte", "TB": "terabyte", "W": "watt", "kW": "kilowatt", "kWh": "kilowatt hour", "V": "volt",
    "m²": "square meter", "km²": "square kilometer", "m³": "cubic meter",
    "°C": "degree Celsius", "°F": "degree Fahrenheit", "°": "degree", "%": "percent",
}  # fmt: skip
_UNCHANGED = ("percent", "hertz")
_IRREGULAR = {"foot": "feet", "square": "square", "cubic": "cubic"}
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_MONEY = re.compile(
    rf"(?P<sign>-?)(?P<mark>[$€£¥₽₹])\s?(?P<number>{_NUMBER})(?:\s?(?P<scale>k|m|mln|bn?|t|thousand|million|billion|trillion)\b)?",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?<![\d:.])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?:\s?(?P<half>[ap])\.?m\b\.?)?(?![\d:])",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?<![\d:.])(?P<hour>1[0-2]|[1-9])\s?(?P<half>[ap])\.?m\b\.?", re.IGNORECASE)
_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_UNIT = re.compile(rf"(?<![\w.,])(?P<number>[-−]?(?:{_NUMBER}))\s?(?P<unit>{_UNIT_NAMES})(?![\w/])")
_ORDINAL = re.compile(r"(?<![\w.])(\d{1,4})(?:st|nd|rd|th)\b")
_SHORT_DECADE = re.compile(r"(?<!\w)['’]?([2-9])0['’]?s\b")
_TENS = ("", "", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")
_DECADE = re.compile(r"(?<!\w)(1[1-9]|20)(\d)0s\b")
_DAY = re.compile(
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December)\s(\d{1,2})(?:st|nd|rd|th)?(?=\W|\Z)"
)
_RANGE = re.compile(r"(?<=\d)\s?[–-]\s?(?=\d)")
_PHONE = re.compile(
    r"(?<![\w.])\+\d{1,3}(?:[\s-]\d{2,4}){2,5}(?!\d)"
    r"|(?<![\w.])\+?\d{1,3}[\s-]\(?\d{3}\)?[\s-]\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)"
    r"|(?<![\w.])\(?\d{3}\)?[\s-]\d{3}-\d{4}(?!\d)"
)
_FRACTION = re.compile(r"(?<![\d/.])([1-9])/([2-9]|10)(?![\d/])")
_ANY = re.compile(rf"(?<![\w.,])(?P<number>[-−]?(?:{_NUMBER}))(?!\w)")
_CODE = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_DIGITS = re.compile(r"\d+")
_HALVES = {2: "half", 4: "quarter"}
_TEEN = 10


def spell(text: str) -> str:
    """``text`` with numbers in words."""
    text = _PHONE.sub(lambda found: _digits(found[0]), text)
    text = _MONEY.sub(_money, text)
    text = _TIME.sub(_time, text)
    text = _CLOCK.sub(lambda found: f"{_cardinal(found['hour'])} {found['half'].lower()} m" + _stop(found), text)
    text = _DAY.sub(lambda found: f"{found[1]} {_ordinal(int(found[2]))}", text)
    text = _FRACTION.sub(_fraction, text)
    text = _DECADE.sub(_decade, text)
    text = _SHORT_DECADE.sub(lambda found: _TENS[int(found[1])], text)
    text = _ORDINAL.sub(lambda found: _ordinal(int(found[1])), text)
    text = _RANGE.sub(" to ", text)
    text = _UNIT.sub(_unit, text)
    return _ANY.sub(_any, text)


def _stop(found: re.Match[str]) -> str:
    """The full stop that ends both the abbreviation and the sentence."""
    return "." if found[0].endswith(".") and not found.string[found.end() :].strip() else ""


def _cardinal(written: str) -> str:
    bare = written.replace(",", "").replace("−", "-")
    if len(bare) > _MAX_DIGITS:
        return _digits(written)
    negative, bare = bare.startswith("-"), bare.lstrip("-")
    whole, _, decimals = bare.partition(".")
    said = in_words(int(whole))
    if decimals:
        said += " point " + _digits(decimals)
    return ("minus " if negative else "") + said.replace("-", " ").replace(",", "")


def _ordinal(number: int) -> str:
    return in_words(number, to="ordinal").replace("-", " ")


def _digits(written: str) -> str:
    groups = _DIGITS.findall(written)
    said = ", ".join(" ".join(in_words(int(digit)) for digit in group) for group in groups)
    return ("plus " if written.startswith("+") else "") + said


def _any(found: re.Match[str]) -> str:
    written = found["number"]
    if written.isdigit() and int(written) in _YEARS:
        return in_words(int(written), to="year").replace("-", " ")
    if written.isdigit() and len(written) > 1 and written.startswith("0"):
        return _digits(written)
    return _cardinal(written)


def _money(found: re.Match[str]) -> str:
    name, part = _CURRENCIES[found["mark"]]
    sign = "minus " if found["sign"] else ""
    whole, _, cents = found["number"].partition(".")
    if found["scale"]:
        scale = _SCALES.get(found["scale"].lower(), found["scale"].lower())
        return f"{sign}{_cardinal(found['number'])} {scale} {name}s"
    said = f"{sign}{_cardinal(whole)} {_plural(name, whole)}"
    if not part or not int(cents or 0):
        return said
    amount = str(int((cents + "0")[:2]))
    coins = "pence" if part == "penny" and amount != "1" else _plural(part, amount)
    return f"{said} {_cardinal(amount)} {coins}"


def _plural(name: str, number: str) -> str:
    if number.lstrip("-−") == "1" or name in {"yen", *_UNCHANGED}:
        return name
    first, _, rest = name.partition(" ")
    rest = f"{rest}s" if first in {"square", "cubic"} else rest
    first = _IRREGULAR.get(first, first if first.endswith(_UNCHANGED) else f"{first}s")
    return f"{first} {rest}".strip()


def _unit(found: re.Match[str]) -> str:
    name = _UNITS[found["unit"]]
    if name.startswith("kilowatt hour"):
        return f"{_cardinal(found['number'])} kilowatt {_plural('hour', found['number'])}"
    return f"{_cardinal(found['number'])} {_plural(name, found['number'])}"


def _time(found: re.Match[str]) -> str:
    hour, minute = _cardinal(found["hour"]), int(found["minute"])
    if minute == 0:
        said = hour if found["half"] else f"{hour} o'clock"
    else:
        said = f"{hour} {'oh ' if minute < _TEEN else ''}{_cardinal(str(minute))}"
    return f"{said} {found['half'].lower()} m" + _stop(found) if found["half"] else said


def _fraction(found: re.Match[str]) -> str:
    top, bottom = int(found[1]), int(found[2])
    name = _HALVES.get(bottom) or _ordinal(bottom)
    if top == 1:
        return f"one {name}"
    return f"{_cardinal(found[1])} {'halves' if name == 'half' else name + 's'}"


def _decade(found: re.Match[str]) -> str:
    century = _cardinal(found[1])
    if found[2] != "0":
        return f"{century} {_TENS[int(found[2])]}" if found[2] != "1" else f"{century} tens"
    return "two thousands" if found[1] == "20" else f"{century} hundreds"
