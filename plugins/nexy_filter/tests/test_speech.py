"""What is spoken, by tables: every row states how a person would say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_filter.speech import SpeechWriter
from nexy_filter.speech.writer import _ORDINARY, _TO_DO

PARTS = [*"aIVXжМё'’,;:.!?… -–_\n4«$", "Mon", "etc.", "etc", "Dr", "We ", "went ", "Домой ", "iPhone "]

BOTH = [  # the same whoever writes out the numbers
    ("en", "Hello there.", "Hello there."),
    ("en", "I'm fine, that’s it — really…", "I'm fine, that’s it — really…"),
    ("en", "**Bold** and *it*, `code`, [a link](https://x.example/y).", "Bold and it, code, a link."),
    ("en", "**Bold one. ", "Bold one."),
    ("en", "Bold two.** ", "Bold two."),
    ("en", "~~Old~~ new <b>bold</b> &amp; more.", "Old new bold and more."),
    ("en", "![A cat](cat.png) sits.", "A cat sits."),
    ("en", "## Title\n", "Title"),
    ("en", "> Quote\n", "Quote"),
    ("en", "- item 😀\n", "item"),
    ("en", "- [x] done\n", "done"),
    ("en", "| a | b |\n", "a, b"),
    ("en", "|---|:-:|\n", ""),
    ("en", "---\n", ""),
    ("en", "😀🎉", ""),
    ("en", "Great! 👍🏽 👨‍👩‍👧", "Great!"),
    ("en", "```py\nx = 1\n```\n", ""),
    ("en", "snake_case and a_b stay.", "snake_case and a_b stay."),
    ("en", "It costs $5.50, or 20% off.", "It costs five dollars fifty cents, or twenty percent off."),
    ("en", "Pay $1.", "Pay one dollar."),
    ("en", "€1.2M raised.", "one point two million euros raised."),
    ("en", "Born in 1990.", "Born in nineteen ninety."),
    ("en", "At 10:05 it was 60 km/h.", "At ten oh five it was sixty kilometers per hour."),
    ("en", "The 1st and 22nd.", "The first and twenty second."),
    ("en", "Wait 5-10 min.", "Wait five to ten minutes."),
    ("en", "It is -5 outside.", "It is minus five outside."),
    ("en", "Try v2.0 and 3.11.2.", "Try version two point zero and three point eleven point two."),
    ("en", "See https://www.example.com/a?b=c#d.", "See example dot com."),
    ("en", "Mail me.you@x.com.", "Mail me dot you at x dot com."),
    ("en", "Open report.txt in Node.js.", "Open report dot txt in Node dot js."),
    ("en", "C# and C++, .NET.", "C sharp and C plus plus, dot NET."),
    ("en", "AT&T & more.", "AT and T and more."),
    ("en", "2 * 3 = 6.", "two times three equals six."),
    ("en", "E.g. this, i.e. that, etc.", "For example, this, that is, that, et cetera."),
    ("en", "Use and/or.", "Use and or."),
    ("en", "Salt/pepper.", "Salt or pepper."),
    ("en", "In /usr/local/bin now.", "In slash usr slash local slash bin now."),
    ("en", "A ratio of 3:2.", "A ratio of three to two."),
    ("en", "A 50/50 chance.", "A fifty fifty chance."),
    ("en", "Press Ctrl+C.", "Press Ctrl plus C."),
    ("en", "So x^2 and y^3.", "So x squared and y cubed."),
    ("en", "At 20 °C.", "At twenty degrees Celsius."),
    ("en", "He is 5'10\" tall.", "He is five foot ten tall."),
    ("en", "Open Mon-Fri.", "Open Monday to Friday."),
    ("en", "Until Jan. 5.", "Until January fifth."),
    ("en", "Add 2 tbsp. butter.", "Add two tablespoons butter."),
    ("en", "In the 1980s and '90s.", "In the nineteen eighties and nineties."),
    (
        "en",
        "Open 24/7, ½ cup, 3 1/4 cups, 1½ cups.",
        "Open twenty four seven, one half cup, three and one quarter cups, one and one half cups.",
    ),
    ("en", "Call +44 20 7946 0958.", "Call plus four four, two zero, seven nine four six, zero nine five eight."),
    ("en", "It is 10 m² at 5 GHz.", "It is ten square meters at five gigahertz."),
    ("en", "Meet at 5 p.m.", "Meet at five p m."),
    ("en", "On Jan 5th.", "On January fifth."),
    ("ru", "Это 24/7.", "Это двадцать четыре на семь."),
    ("ru", "Встреча 5 янв. дома.", "Встреча пятого января дома."),
    ("ru", "Агент 007.", "Агент ноль ноль семь."),
    ("ru", "Здесь 10 м².", "Здесь десять квадратных метров."),
    ("ru", "Это 1990-е.", "Это тысяча девятьсот девяностые."),
    ("ru", "Версия 2.0.", "Версия два точка ноль."),
    ("en", "World War II and Louis XIV.", "World War two and Louis the fourteenth."),
    ("en", "World War I, chapter IV, the part I like.", "World War one, chapter four, the part I like."),
    ("en", "Bob and I wear size XL, Bob IIII.", "Bob and I wear size XL, Bob IIII."),
    ("ru", "Это XX век.", "Это двадцатый век."),
    ("ru", "Было в XIX веке и в XVIII в.", "Было в девятнадцатом веке и в восемнадцатом веке."),
    ("ru", "Пётр I и Екатерина II.", "Пётр первый и Екатерина вторая."),
    ("ru", "Счёт 3:2.", "Счёт три два."),
    ("ru", "Это 20-летний дом.", "Это двадцатилетний дом."),
    ("ru", "Ждать 30 мин. и 15 сек.", "Ждать тридцать минут и пятнадцать секунд."),
    ("ru", "Цена 100 тыс. руб.", "Цена сто тысяч рублей."),
    ("ru", "Привет!", "Привет!"),
    ("ru", "Цена 5,50 руб., скидка 20%.", "Цена пять рублей пятьдесят копеек, скидка двадцать процентов."),
    ("ru", "В 2020 году.", "В две тысячи двадцатом году."),
    ("ru", "Сейчас 25 °C.", "Сейчас двадцать пять градусов Цельсия."),
    ("ru", "Ехать 60 км/ч.", "Ехать шестьдесят километров в час."),
    ("ru", "1-й и 22-го.", "первый и двадцать второго."),
    ("ru", "Сайт https://example.com, почта a@b.ru.", "Сайт example точка com, почта a собака b точка ru."),
    ("ru", "Хлеб, соль и т. д.", "Хлеб, соль и так далее."),
    ("ru", "Т. е. так, напр. вот.", "То есть так, например вот."),
    ("ru", "Он живёт на ул. Ленина.", "Он живёт на улица Ленина."),
    ("ru", "**Жирный** `код`.", "Жирный код."),
    ("ru", "5\u00a0км и 100\u00a0000 ₽.", "пять километров и сто тысяч рублей."),
    ("zh", "你好，**世界**。", "你好，世界。"),
    ("zh", "看 https://example.com/x 吧。", "看 example 点 com 吧。"),
]
PLAIN = [  # without the heavier library
    ("en", "On 25/12/2024.", "On December twenty fifth, twenty twenty four."),
    ("en", "It costs ₹50.", "It costs fifty rupees."),
    ("ru", "Цена 1 234,56 ₽.", "Цена тысяча двести тридцать четыре рубля пятьдесят шесть копеек."),
    ("ru", "Нужна 1/2 стакана и 3/4 ложки.", "Нужна одна вторая стакана и три четвёртых ложки."),
    ("ru", "½ стакана.", "одна вторая стакана."),
    ("ru", "1990–1995 гг.", "тысяча девятьсот девяностый — тысяча девятьсот девяносто пятый годы"),
    ("ru", "90-е годы.", "девяностые годы."),
    ("ru", "Частота 5 ГГц, цена 20 долл.", "Частота пять гигагерц, цена двадцать долларов."),
]
DATES = [
    ("en", "On 3/14/2024.", ("March fourteenth", "twenty twenty four")),
    ("en", "On 2024-03-14.", ("March fourteenth", "twenty twenty four")),
    ("ru", "Срок 14.03.2024.", ("четырнадцатого марта", "две тысячи двадцать", "года")),
    ("ru", "Он родился 5 мая 1990 г. дома.", ("пятого мая", "девяностого года")),
    ("en", "Call +1 (555) 123-4567.", ("plus one", "five five five", "one two three", "four five six seven")),
    ("ru", "Звоните в 17:30.", ("семнадцать часов тридцать минут",)),
]


@pytest.fixture(scope="module", params=["damga", "plain"])
def writer(request) -> SpeechWriter:
    return SpeechWriter.load(request.param, ("en", "ru"))


@pytest.mark.parametrize(("language", "written", "spoken"), BOTH)
def test_spoken_as_a_person_would(writer: SpeechWriter, language: str, written: str, spoken: str) -> None:
    assert writer.write(written, language) == spoken


@pytest.mark.parametrize(("language", "written", "spoken"), PLAIN)
def test_spoken_as_a_person_would_by_the_default_too(language: str, written: str, spoken: str) -> None:
    assert SpeechWriter.load("plain", ()).write(written, language) == spoken


@pytest.mark.parametrize(("language", "written", "parts"), DATES)
def test_dates_times_and_phones_are_words(writer: SpeechWriter, language: str, written: str, parts) -> None:
    spoken = writer.write(written, language)
    assert all(part in spoken for part in parts), spoken
    assert not any(char.isdigit() for char in spoken), spoken


def test_quick_sentences_are_those_that_stay_as_they_are(writer: SpeechWriter) -> None:
    for language, written, _ in BOTH:
        if writer.is_quick(written):
            assert writer.write(written, language) == written.strip()


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_what_is_told_at_once_to_be_quick_is_quick(text: str) -> None:
    if _ORDINARY.fullmatch(text) and "etc." not in text:
        assert not _TO_DO.search(text)


def test_a_sentence_cut_at_a_word_does_not_sound_finished(writer: SpeechWriter) -> None:
    assert writer.write("We walked down the **old** road ", "en") == "We walked down the old road,"
    assert writer.write("We walked down ", "en") == "We walked down,"
    assert writer.write("We walked, ", "en") == "We walked,"
    assert writer.write("We walked down", "en") == "We walked down"
    assert writer.write("Title\n", "en") == "Title"


def test_a_language_without_grammars_keeps_its_figures() -> None:
    assert SpeechWriter.load("plain", ()).write("2024年", "zh") == "2024年"


def test_long_text_reaches_the_grammars_in_short_calls() -> None:
    spoken = SpeechWriter.load("damga", ("en",)).write("I have 5 apples and " * 50, "en")
    assert spoken.count("five apples") == 50


@pytest.mark.parametrize(
    "text", ["1 " * 900, "9" * 1900, "$" * 1900, "a@" * 900, "**" * 900, "1" * 50_000, "x. " * 20_000]
)
def test_no_text_is_too_hard(writer: SpeechWriter, text: str) -> None:
    for language in ("en", "ru"):
        assert "*" not in writer.write(text, language)


def test_a_long_sentence_keeps_together_what_belongs_together() -> None:
    text = (
        "Он сказал, что это было давно и что все уже забыли об этом " * 2
        + "но 5 мая 1990 г. в 5 км от города стояло 1 234 567 человек."
    )
    spoken = SpeechWriter.load("damga", ("ru",)).write(text, "ru")
    assert "пятого мая тысяча девятьсот девяностого года в пяти километрах" in spoken
    assert "миллион двести тридцать четыре тысячи" in spoken
