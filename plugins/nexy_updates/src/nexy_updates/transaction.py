"""Changing the store: one at a time, from one complete state to the next, and never half of one."""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from nexy_updates import audit
from nexy_updates.errors import StoreError
from nexy_updates.files import FILE_MODE, from_json, read_limited, replace_synced, sync_folder, to_json, write_synced
from nexy_updates.keys import PublicKey, SigningKey
from nexy_updates.layout import INDEX_CONTEXT, RELEASE_BYTES_MAX, Layout, digest_of
from nexy_updates.model import Entry, Index, Release, now_utc
from nexy_updates.objects import explain
from nexy_updates.offers import FeedBuilder, Files, Wording
from nexy_updates.snapshot import read_index

LOCK_SECONDS = 30.0
_LOCK_POLL_SECONDS = 0.05
GENERATIONS_KEPT = 5
CLOCK_TOLERANCE = timedelta(days=1)


@contextlib.contextmanager
def locked(layout: Layout, wait_seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the store's lock, which ends with the process that holds it, however that ends."""
    try:
        for folder in (layout.root, layout.objects, layout.releases, layout.generations):
            folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise explain(error, f"cannot write the store {layout.root.name}") from error
    try:
        _take(descriptor, wait_seconds)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreError("another command is changing the store; try again when it has finished") from None
            time.sleep(_LOCK_POLL_SECONDS)
        else:
            return


@attrs.frozen
class State:
    """The store as published last: number, time and the entries of each channel, oldest first."""

    seq: int
    published: datetime | None
    entries: Mapping[str, tuple[Entry, ...]]

    def find(self, version: str) -> tuple[str, Entry]:
        """The channel and entry of a version. Raises ``StoreError``."""
        for channel, entries in self.entries.items():
            for entry in entries:
                if entry.version == version:
                    return channel, entry
        raise StoreError(f"version {version[:40]!r} has not been published")

    def replacing(self, channel: str, entries: Sequence[Entry]) -> "State":
        return attrs.evolve(self, entries={**self.entries, channel: tuple(entries)})

    def changing(self, version: str, **changes: Any) -> "State":
        """With the entry of ``version`` changed."""
        channel, entry = self.find(version)
        changed = attrs.evolve(entry, **changes)
        return self.replacing(channel, [changed if e is entry else e for e in self.entries[channel]])


def read_state(layout: Layout, keys: Sequence[PublicKey], channels: Sequence[str]) -> State:
    """The current state, its signatures checked."""
    empty: dict[str, tuple[Entry, ...]] = dict.fromkeys(channels, ())
    try:
        seq, _ = layout.read_pointer()
    except FileNotFoundError:
        return State(0, None, empty)
    folder = layout.generation(seq)
    try:
        found = [read_index(path, keys)[1] for path in sorted(folder.glob("*.index.json"))]
    except OSError as error:
        raise explain(error, f"state {seq} cannot be read") from error
    if not found or any(index.seq != seq or len(index.channels) != len(found) for index in found):
        raise StoreError(f"state {seq} is not complete: restore generations/{folder.name} from a copy")
    return State(seq, found[0].published, empty | {index.channel: index.entries for index in found})


@attrs.frozen
class Committer:
    """Writes a new state, signed by every one of ``keys``; feeds are signed by the first."""

    layout: Layout
    keys: tuple[SigningKey, ...]
    wording: Wording
    expiry_days: int
    despite_clock: bool = False
    clock: Callable[[], datetime] = now_utc

    def now(self, state: State) -> datetime:
        """The time, refused when it is plainly wrong: dates in feeds are for ever."""
        now = self.clock()
        if not self.despite_clock and state.published is not None and now < state.published - CLOCK_TOLERANCE:
            raise StoreError(
                f"the clock says {now:%Y-%m-%d}, but the last publication was dated {state.published:%Y-%m-%d}: set "
                "the clock, or if that date was the wrong one, run nexy updates renew --despite-clock"
            )
        return now

    def commit(self, state: State, event: str, details: Mapping[str, Any]) -> int:
        """Make ``state`` the current one, under its next number, which is returned. Needs the lock.

        The pointer is written last: until then the old state is served, and a rerun starts afresh from it.
        """
        seq, now = state.seq + 1, self.now(state)
        try:
            line = self._next_line(state, now, event, seq, details)
            self._write_generation(seq, self._files(state, seq, now, line.digest))
            audit.append(self.layout.audit, line)
            replace_synced(self.layout.pointer, f"{seq:08d}\n".encode())
        except OSError as error:
            raise explain(error, "cannot publish") from error
        self._prune(seq)
        return seq

    def _next_line(self, state: State, now: datetime, event: str, seq: int, details: Mapping[str, Any]) -> audit.Line:
        """The event's line. One that announced a state which never came is followed by a line that says so."""
        last = audit.last_line(self.layout.audit)
        if last is not None and int(last.fields["seq"]) > state.seq:
            abandoned = audit.make_line(last, now, "abandoned", state.seq, {"abandoned_seq": last.fields["seq"]})
            audit.append(self.layout.audit, abandoned)
            last = abandoned
        return audit.make_line(last, now, event, seq, {**details, "key": self.keys[0].public.key_id})

    def _files(self, state: State, seq: int, now: datetime, audit_head: str) -> Files:
        builder = FeedBuilder(self.wording, self.keys[0], self.read_release)
        files: Files = {}
        for channel, entries in state.entries.items():
            index = Index(
                channel=channel,
                channels=tuple(state.entries),
                seq=seq,
                published=now,
                expires=now + timedelta(days=self.expiry_days),
                audit=audit_head,
                entries=tuple(entries),
                offers=builder.offers(channel, state.entries, files),
            )
            data = to_json(index.as_json())
            files[f"{channel}.index.json"] = data
            files[f"{channel}.index.sig"] = to_json([key.sign(INDEX_CONTEXT + data) for key in self.keys])
        return files

    def read_release(self, record: str) -> Release:
        data = read_limited(self.layout.release(record), RELEASE_BYTES_MAX)
        if digest_of(data) != record:
            raise StoreError(f"releases/{record[:16]}….json is damaged: restore it from a copy")
        return Release.parse(from_json(data, "a release"))

    def _write_generation(self, seq: int, files: Files) -> None:
        final = self.layout.generation(seq)
        working = self.layout.generations / f".{final.name}"
        for left_over in (working, final):  # of a run that died before its pointer: never served
            if left_over.exists():
                shutil.rmtree(left_over)
        working.mkdir()
        for name, data in files.items():
            write_synced(working / name, data)
        sync_folder(working)
        working.rename(final)
        sync_folder(self.layout.generations)

    def _prune(self, seq: int) -> None:
        """States that nothing points to any more; readers hold what they serve in memory."""
        for folder in self.layout.generations.iterdir():
            if folder.name.isdigit() and int(folder.name) <= seq - GENERATIONS_KEPT:
                shutil.rmtree(folder, ignore_errors=True)
