from hypothesis import given
from hypothesis import strategies as st
from nexy_tts.cache import Phrase, PhraseCache, phrase_key


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 200))))
def test_never_over_the_cap_and_never_wrong(puts) -> None:
    cache, last = PhraseCache(1000), {}
    for key, size in puts:
        phrase = Phrase(bytes([key]) * size)
        cache.put(bytes([key]), phrase)
        if 0 < size <= cache.max_entry_bytes:
            last[key] = phrase
        assert cache.used_bytes <= 1000
    kept = [found for key in last if (found := cache.get(bytes([key])))]
    assert sum(len(phrase.pcm) for phrase in kept) == cache.used_bytes
    assert all(cache.get(bytes([key])) in {None, phrase} for key, phrase in last.items())


def test_the_phrase_used_longest_ago_goes() -> None:
    cache = PhraseCache(16)
    for key in (b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"):
        cache.put(key, Phrase(b"12"))
    assert cache.get(b"a")
    cache.put(b"i", Phrase(b"12"))
    assert cache.get(b"a")
    assert cache.get(b"b") is None


def test_a_cache_of_nothing_keeps_nothing() -> None:
    cache = PhraseCache(0)
    cache.put(b"a", Phrase(b"12"))
    assert cache.get(b"a") is None


def test_keys_tell_neighbours_apart() -> None:
    assert phrase_key("ab", "c") != phrase_key("a", "bc")
    assert phrase_key("a", 1.0) != phrase_key("a", 1.5)
