import numpy as np
import pytest
from nexy_memory.ranking import WordIndex
from nexy_memory.shelves import FRESH_SECONDS, KEPT_SECONDS, Shelf, Shelves
from nexy_memory.stems import stems

SAID = ("my cat is called Bob", "I live in Riga", "tea is good")


def shelf(*texts, read_at=0.0, expires_at=None):
    words = [stems(text) for text in texts]
    lengths = np.array([len(each) for each in words], dtype=np.intp)
    together = np.concatenate(words) if words else np.zeros(0, dtype=np.uint32)
    ends = np.array(expires_at or [np.inf] * len(texts))
    return Shelf((), read_at, texts, ends, WordIndex(together, lengths), np.zeros((0, 384), dtype=np.float32))


def test_ranked_gives_what_shares_words_and_has_not_expired():
    full = shelf(*SAID, expires_at=[np.inf, 5.0, np.inf])
    assert full.ranked("where do I live, what is my cat called", None, 5, 4.0) == [SAID[0], SAID[1]]
    assert full.ranked("where do I live", None, 5, 5.0) == []
    assert full.newest(2, 4.0) == [SAID[2], SAID[1]]
    assert full.newest(5, 5.0) == [SAID[2], SAID[0]]


def test_nothing_known_ranks_as_nothing():
    assert shelf().ranked("tea", None, 5, 0.0) == []
    assert shelf("the").ranked("tea", None, 5, 0.0) == []
    assert shelf(*SAID).ranked("", None, 5, 0.0) == []


def test_the_rows_kept_are_bounded_and_the_oldest_go():
    shelves = Shelves(rows_max=12)
    for user in "ABC":
        shelves.put(user, shelf("x", "y"), shelves.epoch)
    assert [shelves.get(user) is not None for user in "ABC"] == [False, True, True]
    shelves.put("C", shelf(*"abcdefghi"), shelves.epoch)
    assert len(shelves) == 0


def test_users_of_whom_nothing_is_known_are_bounded_too():
    shelves = Shelves(rows_max=100)
    for user in range(1000):
        shelves.put(str(user), shelf(), shelves.epoch)
    assert 10 <= len(shelves) <= 100
    assert shelves.get("999") is not None


def test_it_is_half_full_before_anything_has_to_go():
    shelves = Shelves(rows_max=24)
    assert not shelves.half_full()
    shelves.put("A", shelf("x", "y"), shelves.epoch)
    assert not shelves.half_full()
    shelves.put("B", shelf("x", "y"), shelves.epoch)
    assert shelves.half_full()
    assert len(shelves) == 2
    shelves.drop("B")
    assert not shelves.half_full()


def test_the_same_user_counts_once():
    shelves = Shelves(rows_max=12)
    for _ in range(5):
        shelves.put("A", shelf("x", "y"), shelves.epoch)
    shelves.put("B", shelf("x", "y"), shelves.epoch)
    assert len(shelves) == 2


@pytest.mark.parametrize("forget", [lambda shelves: shelves.drop("A"), lambda shelves: shelves.clear()])
def test_what_was_being_read_when_something_was_forgotten_is_not_kept(forget):
    shelves = Shelves()
    epoch = shelves.epoch
    forget(shelves)
    shelves.put("A", shelf("x"), epoch)
    assert shelves.get("A") is None
    shelves.put("A", shelf("x"), shelves.epoch)
    forget(shelves)
    assert shelves.get("A") is None


def test_what_nobody_asks_for_goes_in_time():
    shelves = Shelves()
    shelves.put("A", shelf("x", read_at=9.0), shelves.epoch)
    shelves.put("B", shelf("x", read_at=11.0), shelves.epoch)
    shelves.put("A", shelf("x", read_at=12.0), shelves.epoch)
    shelves.expire(11.0 + KEPT_SECONDS)
    assert len(shelves) == 2
    shelves.expire(11.1 + KEPT_SECONDS)
    assert shelves.get("A") is not None
    assert shelves.get("B") is None


def test_what_was_announced_serves_one_question_and_not_a_late_one():
    shelves = Shelves()
    shelves.put("A", shelf("x", read_at=10.0), shelves.epoch)
    assert shelves.announced("A", 10.0) is None
    for drop in (lambda: shelves.drop("A"), shelves.clear):
        shelves.put("A", shelf("x", read_at=10.0), shelves.epoch)
        shelves.announce("A")
        drop()
        assert shelves.announced("A", 10.0) is None
    shelves.announce("A")
    assert shelves.announced("A", 10.0) is None
    shelves.put("A", shelf("x", read_at=10.0), shelves.epoch)
    shelves.announce("A")
    assert shelves.announced("A", 10.0 + FRESH_SECONDS) is None
    shelves.announce("A")
    assert shelves.announced("A", 10.1) is not None
    assert shelves.announced("A", 10.1) is None
