from importlib import util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_memory.slots import SLOT_CHARS_MAX, slot_of

spec = util.spec_from_file_location("retrieval_set", Path(__file__).parent / "retrieval_set.py")
retrieval_set = util.module_from_spec(spec)
spec.loader.exec_module(retrieval_set)


def test_every_contradiction_of_the_set_shares_a_slot_and_no_two_current_facts_do():
    facts = {fact.id: fact for fact in retrieval_set.facts()}
    for fact in facts.values():
        if fact.supersedes != "-":
            assert slot_of(fact.text) == slot_of(facts[fact.supersedes].text) != "", fact.text
    current = [slot_of(fact.text) for fact in facts.values() if not fact.id.endswith("old")]
    named = [slot for slot in current if slot]
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I live in Oslo", "Я переехал в Москву"),
        ("My name is Ann", "Зови меня Аня"),
        ("My cat is called Tom", "Моего кота зовут Барсик"),
        ("my favorite color is red", "My favourite colour is blue"),
        ("I’m allergic to nuts", "I am no longer allergic to nuts"),
        ("My wife works as a vet", "Моя жена работает врачом"),
        ("мне 30 лет", "I am 31 years old"),
        ("We moved to Riga", "Теперь мы живём в Осло"),
        ("I'm based in Oslo", "I live in Riga"),
        ("my cat's name is Bob", "My cat is called Tom"),
        ("The name of my cat is Bob", "Имя моей кошки Муся"),
        ("мой любимый цвет синий", "Мой любимый цвет — зелёный"),
        ("Мой любимый цвет теперь зелёный", "my favourite colour is blue"),
        ("Мой день рождения 5 мая", "My birthday is on May 6"),
        ("у меня день рождения 5 мая", "My birthday is on May 6"),
        ("мой номер телефона 555", "Мой номер телефона — 777"),
    ],
)
def test_contradicting_statements_share_a_slot(one, other):
    assert slot_of(one) == slot_of(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("My cat is called Tom", "My cat is black"),
        ("My cat is called Tom", "My dog is called Rex"),
        ("I live in Oslo", "My sister lives in Oslo"),
        ("I like tea", "I like coffee"),
        ("My favourite colour is red", "My favourite film is Red"),
        ("My boss is Ann", "My boss's car is a Ford"),
        ("мой номер телефона 555", "мой номер квартиры 5"),
        ("мой адрес Рига, Бривибас 5", "мой адрес почты a@b.lv"),
        ("My cat's name is Bob", "My cat's food is dry"),
        ("I moved to Riga", "I no longer live in Paris"),
    ],
)
def test_statements_that_can_both_hold_do_not(one, other):
    assert slot_of(one) != slot_of(other) or slot_of(one) == ""


@given(st.text(max_size=300) | st.from_regex(r"(my|мой|i like|i live in) .{0,80} (is|—|in) .{0,200}"))
def test_a_slot_is_short(text):
    assert len(slot_of(text)) <= SLOT_CHARS_MAX
