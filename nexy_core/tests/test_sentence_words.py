"""What each word of the splitter's lists does: streets and saints, labels, and the words of an early cut."""

import pytest
from nexy_core.sentences import SentenceSplitter

STREETS = "St Ave Blvd Rd Hwy"
BEFORE_A_SAINT = "Mount Mt Lake Port Fort Cape Point Sault Church Cathedral Basilica Hospital Island"
VERBS = "is are was were has had will can does did"
LABELS = """
    Plan Grade Vitamin Type Class Group Option Part Section Appendix Point Team Hepatitis Generation
    План Класс Витамин Группа Группы Тип Вариант Часть Раздел Пункт Точка
"""
CONJUNCTIONS = """
    and but or because which who that when while where if so although though since unless until than
    и но а или что чтобы потому который которая которое которые когда где если хотя пока поскольку так
"""
PREPOSITIONS = """
    in on at with for from to by about into over under between through during after before against without across
    в на с из для от до по о об к у за под над между через после перед при без
"""
LEANING = """
    the a an of my your his her its our their this these those is are was were be been am has have had do does did
    will would can could should may might must not no very more most some any every each as it he she we they you i
    не ни же бы ли мой твой его её их наш ваш этот эта это эти тот та те очень более самый во со ко обо
"""


def split(text: str, *, eager: bool = False) -> list[str]:
    splitter = SentenceSplitter(max_chars=300, eager_first=eager)
    return splitter.feed(text) + splitter.close()


@pytest.mark.parametrize("street", STREETS.split())
@pytest.mark.parametrize("verb", VERBS.split())
def test_a_street_ends_a_sentence_when_the_next_words_are_one(street: str, verb: str) -> None:
    assert split(f"He left Baker {street}. London {verb} far.") == [f"He left Baker {street}. ", f"London {verb} far."]
    assert split(f"He left Baker {street}. London, I think.") == [f"He left Baker {street}. London, I think."]


@pytest.mark.parametrize("mark", ",.;:!?…")
def test_a_street_ends_a_sentence_when_a_word_begins_one(mark: str) -> None:
    assert split(f"He lives on Baker St. Then{mark} he moved.")[0] == "He lives on Baker St. "


@pytest.mark.parametrize("place", BEFORE_A_SAINT.split())
def test_a_saint_is_no_street(place: str) -> None:
    assert split(f"The {place} St. Mary is old.") == [f"The {place} St. Mary is old."]


@pytest.mark.parametrize("label", LABELS.split())
def test_a_letter_behind_its_label_is_no_initial(label: str) -> None:
    assert split(f"We like {label} B. Nobody knows.") == [f"We like {label} B. ", "Nobody knows."]
    assert split(f"We like {label.lower()} Б. Никто не знает.") == [f"We like {label.lower()} Б. ", "Никто не знает."]


@pytest.mark.parametrize("word", CONJUNCTIONS.split())
def test_an_early_cut_may_stand_before_a_conjunction(word: str) -> None:
    text = f"Big old men saw red cats eat {word} dogs were away."
    assert split(text, eager=True)[0] == "Big old men saw red cats eat "


@pytest.mark.parametrize("word", PREPOSITIONS.split())
def test_an_early_cut_may_stand_before_a_preposition(word: str) -> None:
    text = f"Big old men saw red cats eat good food daily {word} boats here."
    assert split(text, eager=True)[0] == "Big old men saw red cats eat good food daily "


@pytest.mark.parametrize("word", (PREPOSITIONS + LEANING).split())
def test_no_early_cut_stands_behind_a_word_that_leans_on_the_next(word: str) -> None:
    text = f"Big old men saw red cats eat {word} because dogs were away."
    assert split(text, eager=True) == [text]


@pytest.mark.parametrize("word", CONJUNCTIONS.split())
def test_no_early_cut_stands_between_conjunctions(word: str) -> None:
    text = f"Big old men saw red cats {word} because dogs were away."
    assert split(text, eager=True) == [text]
