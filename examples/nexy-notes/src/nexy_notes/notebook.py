"""One device's notes in one text file. Plain blocking input and output: called in a thread."""

import re
from pathlib import Path

import attrs

WORD = re.compile(r"\w{3,}")
REMEMBER = re.compile(r"(?:please\s+)?(?:remember|note)\s+(?:that\s+)?(.+)|запомни,?\s+(?:что\s+)?(.+)", re.IGNORECASE)


def wanted_note(prompt: str) -> str:
    """What the prompt asks to be remembered, "" when it asks nothing of the kind."""
    match = REMEMBER.fullmatch(" ".join(prompt.split()))
    return (match[1] or match[2]).strip() if match else ""


def words(text: str) -> set[str]:
    """The words that count for a match."""
    return set(WORD.findall(text.casefold()))


@attrs.frozen
class Notebook:
    """A file of notes, one a line."""

    file: Path

    def read(self) -> list[str]:
        """All notes, oldest first."""
        try:
            return [line for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines() if line]
        except FileNotFoundError:
            return []

    def add(self, note: str, keep: int) -> None:
        """Write a note; of more than ``keep`` the oldest go."""
        self._write([*(old for old in self.read() if old != note), note][-keep:])

    def find(self, text: str, limit: int) -> list[str]:
        """The notes that share most words with ``text``."""
        asked = words(text)
        scored = [(len(asked & words(note)), note) for note in self.read()]
        best = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])
        return [note for _, note in best[:limit]]

    def forget(self, text: str) -> int:
        """Remove the notes that contain ``text`` (all, when it is empty) and say how many."""
        notes = self.read()
        kept = [note for note in notes if text.casefold() not in note.casefold()]
        if kept:
            self._write(kept)
        else:
            self.file.unlink(missing_ok=True)
        return len(notes) - len(kept)

    def _write(self, notes: list[str]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.file.with_suffix(".tmp")
        scratch.write_text("\n".join(notes) + "\n", encoding="utf-8", errors="replace")
        scratch.replace(self.file)
