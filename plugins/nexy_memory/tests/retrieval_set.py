"""Reads the retrieval set. Used by the tests and by the benchmark."""

import csv
from pathlib import Path

import attrs

FOLDER = Path(__file__).parent / "retrieval"


@attrs.frozen
class Fact:
    id: str
    language: str
    supersedes: str
    text: str


@attrs.frozen
class Question:
    language: str
    fact: str
    text: str


def _rows(name):
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def facts():
    return [Fact(**row) for row in _rows("facts.tsv")]


def questions():
    return [Question(**row) for row in _rows("questions.tsv")]
