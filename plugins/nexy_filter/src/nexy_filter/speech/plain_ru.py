"""Russian numbers, money, times and units in words, with the noun in the form its number asks for."""

import re
from typing import Any

from nexy_filter.speech.numerals import in_words

_MAX_DIGITS = 18
_FORMS = {
    "%": ("процент", "процента", "процентов"),
    "₽": ("рубль", "рубля", "рублей"), "руб": ("рубль", "рубля", "рублей"), "р": ("рубль", "рубля", "рублей"),
    "коп": ("копейка", "копейки", "копеек"), "$": ("доллар", "доллара", "долларов"), "€": ("евро", "евро", "евро"),
    "£": ("фунт", "фунта", "фунтов"), "¥": ("иена", "иены", "иен"),
    "км/ч": ("километр в час", "километра в час", "километров в час"),
    "м/с": ("метр в секунду", "метра в секунду", "метров в секунду"),
    "км": ("километр", "километра", "километров"), "м": ("метр", "метра", "метров"),
    "см": ("сантиметр", "сантиметра", "сантиметров"), "мм": ("миллиметр", "миллиметра", "миллиметров"),
    "кг": ("килограмм", "килограмма", "килограммов"), "г": ("грамм", "грамма", "граммов"),
    "мг": ("миллиграмм", "миллиграмма", "миллиграммов"), "т": ("тонна", "тонны", "тонн"),
    "л": ("литр", "литра", "литров"), "мл": ("миллилитр", "миллилитра", "миллилитров"),
    "ч": ("час", "часа", "часов"), "мин": ("минута", "минуты", "минут"), "сек": ("секунда", "секунды", "секунд"),
    "с": ("секунда", "секунды", "секунд"), "шт": ("штука", "штуки", "штук"),
    "°C": ("градус Цельсия", "градуса Цельсия", "градусов Цельсия"), "°": ("градус", "градуса", "градусов"),
    "тыс": ("тысяча", "тысячи", "тысяч"), "млн": ("миллион", "миллиона", "миллионов"),
    "млрд": ("миллиард", "миллиарда", "миллиардов"), "ГБ": ("гигабайт", "гигабайта", "гигабайт"),
    "МБ": ("мегабайт", "мегабайта", "мегабайт"), "кВт": ("киловатт", "киловатта", "киловатт"),
    "КБ": ("килобайт", "килобайта", "килобайт"), "ТБ": ("терабайт", "терабайта", "терабайт"),
    "Гц": ("герц", "герца", "герц"), "кГц": ("килогерц", "килогерца", "килогерц"),
    "МГц": ("мегагерц", "мегагерца", "мегагерц"), "ГГц": ("гигагерц", "гигагерца", "гигагерц"),
    "м²": ("квадратный метр", "квадратных метра", "квадратных метров"),
    "м³": ("кубический метр", "кубических метра", "кубических метров"),
    "долл": ("доллар", "доллара", "долларов"),
}  # fmt: skip
_CENTS = {"₽": "коп", "руб": "коп", "р": "коп"}
_ABBREVIATED = frozenset(
    {"долл", "руб", "р", "коп", "тыс", "млн", "млрд", "мин", "сек", "шт", "г", "ч", "кг", "л", "см", "м", "км"}
)
_CENT = ("цент", "цента", "центов")
_FEMININE = frozenset({"коп", "т", "мин", "сек", "с", "шт", "тыс", "¥"})
_NUMBER = r"\d{1,3}(?:[ \u00a0]\d{3})+(?:,\d+)?|\d+(?:[.,]\d+)?"
_UNIT = re.compile(
    rf"(?<![\w.,])(?P<number>[-−]?(?:{_NUMBER}))\s?"
    rf"(?P<unit>{'|'.join(sorted(map(re.escape, _FORMS), key=len, reverse=True))})(?![\w/])(?P<stop>\.?)"
)
_MARK_FIRST = re.compile(rf"(?P<unit>[$€£¥₽])\s?(?P<number>{_NUMBER})")
_SCALED = re.compile(r"\b(тысяч[аи]?|миллион(?:а|ов)?|миллиард(?:а|ов)?)\s(руб|₽|[$€]|коп)(?!\w)(?:\.(?=\s+[а-яё]))?")
_TIME = re.compile(r"(?<![\d:.])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?![\d:])")
_DATE = re.compile(
    r"(?<![\d.])(?P<day>\d{1,2})\s"
    r"(?P<month>января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря)"
    r"(?:\s(?P<year>\d{4})(?:\s(?:г\.|года))?)?"
)
_YEAR = re.compile(r"(?<!\d)(?P<year>[12]\d{3})\s?(?P<word>году|года|год|г\.)(?!\w)")
_YEARS = re.compile(r"(?<!\d)([12]\d{3})\s?[–—-]\s?([12]\d{3})\s?гг?\.")
_DECADE = re.compile(r"(?<!\w)(\d{0,2}[2-9]0)-е(?!\w)")
_FRACTION = re.compile(r"(?<![\d/.])([1-9])/([2-9]|10)(?![\d/])")
_ORDINAL = re.compile(r"(?<!\w)(?P<number>\d{1,4})-(?P<ending>й|ый|ой|я|ая|е|ое|го|ого|му|ому|м|ом|х|ых)(?!\w)")
_RANGE = re.compile(r"(?<=\d)\s?[–—-]\s?(?=\d)")
_PHONE = re.compile(r"(?<![\w.])(?:\+7|8)[\s-]?\(?\d{3}\)?[\s-]?\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)")
_ANY = re.compile(rf"(?<![\w.,])(?P<number>[-−]?(?:{_NUMBER}))(?!\w)")
_DIGITS = re.compile(r"\d+")
_CASES: dict[str, dict[str, Any]] = {
    "й": {}, "ый": {}, "ой": {}, "я": {"gender": "f"}, "ая": {"gender": "f"},
    "е": {"gender": "n"}, "ое": {"gender": "n"},
    "го": {"case": "g"}, "ого": {"case": "g"}, "му": {"case": "d"}, "ому": {"case": "d"}, "м": {"case": "p"},
    "ом": {"case": "p"}, "х": {"case": "g", "plural": True}, "ых": {"case": "g", "plural": True},
}  # fmt: skip
_FRACTIONS = {1: ("десятая", "десятых"), 2: ("сотая", "сотых"), 3: ("тысячная", "тысячных")}
_TEN, _HUNDRED = 10, 100
_TEENS = range(11, 20)
_FEW = range(2, 5)


def spell(text: str) -> str:
    """``text`` with numbers in words."""
    text = _PHONE.sub(lambda found: _phone(found[0]), text)
    text = _MARK_FIRST.sub(_measured, text)
    text = _TIME.sub(_time, text)
    text = _DATE.sub(_date, text)
    text = _YEARS.sub(lambda found: f"{_ordinal(int(found[1]))} — {_ordinal(int(found[2]))} годы", text)
    text = _YEAR.sub(_year, text)
    text = _FRACTION.sub(lambda found: _part(int(found[1]), int(found[2])), text)
    text = _DECADE.sub(lambda found: _ordinal(int(found[1]), plural=True), text)
    text = _ORDINAL.sub(lambda found: _ordinal(int(found["number"]), **_CASES[found["ending"]]), text)
    text = _RANGE.sub(" — ", text)
    text = _UNIT.sub(_measured, text)
    text = _SCALED.sub(lambda found: f"{found[1]} {_FORMS[found[2]][2]}", text)
    return _ANY.sub(lambda found: _cardinal(found["number"]), text)


def _cardinal(written: str, *, feminine: bool = False) -> str:
    bare = re.sub(r"[\s\u00a0]", "", written).replace("−", "-").replace(",", ".")
    if len(bare) > _MAX_DIGITS:
        return _phone(written)
    sign, bare = ("минус " if bare.startswith("-") else ""), bare.lstrip("-")
    whole, _, decimals = bare.partition(".")
    if decimals:
        return sign + _fraction(int(whole), decimals)
    if len(whole) > 1 and whole.startswith("0"):
        return sign + _phone(whole)
    said = in_words(int(whole), "ru", gender="f" if feminine else "m")
    return sign + (said.removeprefix("одна ") if said.startswith("одна тысяча") else said)


def _part(top: int, bottom: int) -> str:
    """Such as одна вторая, три четвёртых."""
    one = _form(top) == 0
    bottom_said = _ordinal(bottom, gender="f") if one else _ordinal(bottom, case="g", plural=True)
    return f"{in_words(top, 'ru', gender='f')} {bottom_said}"


def _fraction(whole: int, decimals: str) -> str:
    names = _FRACTIONS.get(len(decimals))
    said = f"{in_words(whole, 'ru', gender='f')} {'целая' if _form(whole) == 0 else 'целых'}"
    if names is None:
        return f"{in_words(whole, 'ru')} запятая {_phone(decimals)}"
    parts = int(decimals)
    return f"{said} {in_words(parts, 'ru', gender='f')} {names[0] if _form(parts) == 0 else names[1]}"


def _form(number: int) -> int:
    """Which form of a noun stands behind ``number``: 0 один, 1 два, 2 пять."""
    if number % _HUNDRED in _TEENS:
        return 2
    if number % _TEN == 1:
        return 0
    return 1 if number % _TEN in _FEW else 2


def _measured(found: re.Match[str]) -> str:
    unit, written = found["unit"], found["number"]
    stop = found.groupdict().get("stop") or ""
    at_end = stop and not found.string[found.end() :].strip()
    whole, mark, decimals = re.sub(r"[\s\u00a0]", "", written).replace("−", "-").partition(",")
    if mark and unit in "$₽руб€£" and len(decimals) <= 2:  # noqa: PLR2004  # two digits of cents
        said = _money(whole, (decimals + "0")[:2], unit)
    elif mark or "." in whole:
        said = f"{_cardinal(written)} {_FORMS[unit][1]}"
    else:
        said = f"{_cardinal(written, feminine=unit in _FEMININE)} {_FORMS[unit][_form(abs(int(whole)))]}"
    return said + ("." if at_end else "" if unit in _ABBREVIATED else stop)


def _money(whole: str, cents: str, unit: str) -> str:
    said = f"{_cardinal(whole)} {_FORMS[unit][_form(abs(int(whole)))]}"
    if not int(cents):
        return said
    forms = _FORMS[_CENTS[unit]] if unit in _CENTS else _CENT
    return f"{said} {_cardinal(cents.lstrip('0'), feminine=unit in _CENTS)} {forms[_form(int(cents))]}"


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["hour"]), int(found["minute"])
    said = f"{in_words(hour, 'ru')} {_FORMS['ч'][_form(hour)]}"
    return f"{said} {in_words(minute, 'ru', gender='f')} {_FORMS['мин'][_form(minute)]}" if minute else said


def _date(found: re.Match[str]) -> str:
    said = f"{_ordinal(int(found['day']), case='g')} {found['month']}"
    return f"{said} {_ordinal(int(found['year']), case='g')} года" if found["year"] else said


def _year(found: re.Match[str]) -> str:
    year, word = int(found["year"]), found["word"]
    if word == "году" or (word == "г." and re.search(r"\b[вВ]\s\Z", found.string[: found.start()])):
        return f"{_ordinal(year, case='p')} году"
    if word == "года":
        return f"{_ordinal(year, case='g')} года"
    return f"{_ordinal(year)} год"


def _ordinal(number: int, **form: Any) -> str:
    return in_words(number, "ru", to="ordinal", **form)


def _phone(written: str) -> str:
    said = ", ".join(" ".join(_group(group)) for group in _DIGITS.findall(written))
    return ("плюс " if written.startswith("+") else "") + said


def _group(digits: str) -> list[str]:
    return [in_words(int(digit), "ru") for digit in digits]
