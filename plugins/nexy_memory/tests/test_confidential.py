import time

import pytest
from nexy_memory.confidential import WITHHELD, holds_secret, redact

SECRETS = [
    ("my password is hunter2", "hunter2"),
    ("The password for the router is correct horse battery", "horse"),
    ("wifi password: s3cret!", "s3cret"),
    ("мой пароль — Барсик99", "Барсик99"),
    ("пароль от почты: qwerty", "qwerty"),
    ("пин-код 4417", "4417"),
    ("my PIN is 4417", "4417"),
    ("card 4111 1111 1111 1111", "1111"),
    ("карта 5500-0000-0000-0004, до 2030", "0004"),
    ("IBAN DE89 3704 0044 0532 0130 00", "3704"),
    ("use sk-abcdEFGH12345678 please", "abcdEFGH"),
    ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
    ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghij"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc", "MIIE"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJzdWI"),
    ("my seed phrase is witch collapse practice feed shame", "collapse"),
    ("CVV: 123", "123"),
    ("the recovery code is blue lion", "lion"),
    ("my access tokens are alpha", "alpha"),
    ("сид-фраза: кот дом", "кот"),
]
PLAIN = [
    "my phone number is 555 0199",
    "I use a password manager",
    "I forgot my password",
    "My order number is 1234567890123",
    "The spare key is under the flower pot",
    "I pinned the poster to the wall",
    "мне 42 года, мой адрес — улица Гагарина, 12",
    "ключ лежит под ковриком",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_is_withheld(text, secret):
    assert holds_secret(text)
    assert secret not in redact(text)
    assert WITHHELD in redact(text)


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_talk_is_kept(text):
    assert redact(text) == text


LONG = [
    "a-" * 5_000,
    "a1" * 5_000,
    "1 " * 5_000,
    "1-" * 5_000,
    "password " * 1_000,
    "password to " * 800,
    "password" + " " * 9_000,
    "sk-" * 3_000,
    "eyJ" * 3_000,
    "eyJaaaaaa." * 900,
    "GB12 ABCD " * 900,
    "-----BEGIN A PRIVATE KEY-----" * 300,
    "пароль для " * 800,
]


@pytest.mark.parametrize("text", LONG)
def test_no_text_takes_long(text):
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 0.05, text[:20]
