"""What is served and what is wrong with it: the last good state stays in memory whatever happens to the folder."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import attrs

from nexy_core import LiveSettings
from nexy_updates.errors import StoreError, words
from nexy_updates.files import from_json, read_limited, replace_synced, to_json
from nexy_updates.keys import PublicKey
from nexy_updates.layout import SMALL_BYTES_MAX, Layout
from nexy_updates.model import Artifact, now_utc
from nexy_updates.objects import hash_file
from nexy_updates.snapshot import Choice, Seen, Snapshot, load

ResultT = TypeVar("ResultT")
THREADS = 4
HANG_SECONDS = 10.0
CLOSE_SECONDS = 1.0
CLOCK_TOLERANCE = timedelta(days=1)
SECONDS_PER_HOUR = 3600
ROTTEN = "its bytes are not the published ones; publish the same file again"
NOTHING_YET = "nothing has been published in the update folder yet"
SCRUB_RETRY_SECONDS = 60
SCRUB_PAUSE_SECONDS = 0.004
"""After each MiB, so that hashing takes a fraction of one core."""
logger = logging.getLogger(__name__)


@attrs.frozen
class _Look:
    """What a look at the store found. ``snapshot`` is ``None`` when it is the one that is served already."""

    seen: Seen
    pointer: bytes
    holds: frozenset[str]
    snapshot: Snapshot | None
    not_remembered: str


@attrs.define
class Keeper:
    """Holds the newest checked ``snapshot``. ``seen_file`` remembers its number over restarts, outside the store."""

    layout: Layout
    settings: LiveSettings
    seen_file: Path
    snapshot: Snapshot | None = None
    holds: frozenset[str] = frozenset()
    _reason: str = attrs.field(default="starting", init=False)
    _seen: Seen | None = attrs.field(default=None, init=False)
    _not_remembered: str = attrs.field(default="", init=False)
    _looking_since: float | None = attrs.field(default=None, init=False)
    _one_look: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _pool: ThreadPoolExecutor = attrs.field(factory=partial(ThreadPoolExecutor, THREADS, "updates"), init=False)
    _pointer: bytes = attrs.field(default=b"", init=False)
    _bad: dict[str, str] = attrs.field(factory=dict, init=False)
    _rotten: set[str] = attrs.field(factory=set, init=False)
    _scrubbed_at: float = attrs.field(default=0.0, init=False)
    _scrubbed_seq: int = attrs.field(default=0, init=False)

    def choose(self, channel: str = "", hardware_id: str = "", *, manual: bool = False) -> Choice | None:
        """The offer for a device; the first of ``update.channels`` when it names none."""
        if self.snapshot is None:
            return None
        name = channel or self.default_channel
        return self.snapshot.choose(name, hardware_id, manual=manual, holds=self.holds)

    @property
    def default_channel(self) -> str:
        return str(self.settings.get("update.channels", list)[0])

    def problem(self) -> str:
        """What is wrong, for the operator; "" when nothing is."""
        hangs = self._looking_since is not None and time.monotonic() - self._looking_since > HANG_SECONDS
        if hangs:
            return "the update folder does not answer"
        return self._reason or self._age() or next(iter(self._bad.values()), "")

    def _age(self) -> str:
        if self.snapshot is None:
            return ""
        now = now_utc()
        if now >= self.snapshot.expires:
            return f"the index expired at {self.snapshot.expires.isoformat()}: run nexy updates renew"
        if now < self.snapshot.published - CLOCK_TOLERANCE:
            return "this machine's clock is behind the time of the last publication"
        return ""

    def artifact_trouble(self, artifact: Artifact, reason: str) -> None:
        """An artifact cannot be served, or ("") can be again. Said once."""
        known = self._bad.pop(artifact.sha256, "")
        if reason:
            self._bad[artifact.sha256] = f"the artifact {artifact.name} is not available: {reason}"
        if reason and not known:
            logger.warning(self._bad[artifact.sha256], extra={"decision": "degrade"})

    def is_rotten(self, artifact: Artifact) -> bool:
        """Was it found to hold other bytes than were published?"""
        return artifact.sha256 in self._rotten

    async def scrub_when_due(self) -> None:
        """Hash the offered artifacts once after each change and once in ``update.scrub_hours``; sooner after damage."""
        if self.snapshot is None:
            return
        hours = self.settings.get("update.scrub_hours", float)
        period = SCRUB_RETRY_SECONDS if self._bad else hours * SECONDS_PER_HOUR
        if self.snapshot.seq != self._scrubbed_seq or time.monotonic() - self._scrubbed_at >= period:
            await self.scrub()

    async def scrub(self) -> None:
        """Read every offered artifact, slowly, in a thread: what a disk loses is noticed before a client does."""
        snapshot = self.snapshot
        for artifact in tuple(snapshot.offered_artifacts()) if snapshot else ():
            known = self._bad.get(artifact.sha256)
            try:
                self._judge(artifact, await self.in_thread(self._hash, artifact), known)
            except (OSError, StoreError) as error:
                self.artifact_trouble(artifact, words(error))
        self._scrubbed_at, self._scrubbed_seq = time.monotonic(), snapshot.seq if snapshot else 0

    def _hash(self, artifact: Artifact) -> str:
        return hash_file(self.layout.object(artifact.sha256), lambda _: time.sleep(SCRUB_PAUSE_SECONDS))

    def _judge(self, artifact: Artifact, found: str, known: str | None) -> None:
        """``known`` is the trouble from before the hashing: what a download met meanwhile is newer, and stays."""
        if found == artifact.sha256:
            self._rotten.discard(artifact.sha256)
            if self._bad.get(artifact.sha256) == known:
                self.artifact_trouble(artifact, "")
        else:
            self._rotten.add(artifact.sha256)
            self.artifact_trouble(artifact, ROTTEN)

    async def refresh(self) -> None:
        """Look at the store once, in a thread. Never raises for what is wrong with it: ``problem`` says it."""
        async with self._one_look:
            await self._refresh()

    async def _refresh(self) -> None:
        self._looking_since = time.monotonic()
        try:
            reason = self._take(await self.in_thread(self._look))
        except FileNotFoundError:
            reason = NOTHING_YET
        except OSError as error:
            reason = f"the update folder cannot be read: {words(error)}"
        except StoreError as error:
            reason = str(error)
        finally:
            self._looking_since = None
        if reason and reason != self._reason:
            logger.warning(reason, extra={"decision": "degrade"})
        if self._reason and not reason:  # what was missing with the folder may be back with it
            self._bad = {sha256: text for sha256, text in self._bad.items() if sha256 in self._rotten}
        self._reason = reason

    def _look(self) -> "_Look":
        """What is in the store now; runs in a thread and changes nothing here."""
        seen = self._seen or self._read_seen()
        _, pointer = self.layout.read_pointer()
        holds = self.layout.read_holds()
        if self.snapshot is not None and pointer == self._pointer:
            return _Look(seen, pointer, holds, None, self._not_remembered)
        snapshot = load(self.layout, self._keys(), seen)
        now_seen = Seen(snapshot.seq, snapshot.digest)
        return _Look(now_seen, pointer, holds, snapshot, self._remember(now_seen) if now_seen != seen else "")

    def _take(self, look: "_Look") -> str:
        """Swap what was found in, all at once."""
        self._seen, self.holds, self._not_remembered = look.seen, look.holds, look.not_remembered
        if look.snapshot is not None:
            self.snapshot, self._pointer = look.snapshot, look.pointer
            self._bad, self._rotten = {}, set()
            logger.info("update store loaded", extra={"decision": "complete", "ctx": {"seq": look.seen.seq}})
        return look.not_remembered

    async def in_thread(self, work: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Run blocking work in the site's own few threads: a file system that hangs must hang nobody else."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def close(self) -> None:
        """End the threads; one that hangs is left behind."""
        ended = asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(ended)), CLOSE_SECONDS)

    def _keys(self) -> tuple[PublicKey, ...]:
        return tuple(PublicKey.parse(text) for text in self.settings.get("update.public_keys", list))

    def _read_seen(self) -> Seen:
        try:
            data = from_json(read_limited(self.seen_file, SMALL_BYTES_MAX), self.seen_file.name)
            return Seen(int(data["seq"]), str(data["digest"]))
        except FileNotFoundError:
            return Seen()
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{self.seen_file.name} is damaged: check the store, then delete that file") from error

    def _remember(self, seen: Seen) -> str:
        """Failing to remember does not stop the serving, but it is said: after a restart an old copy would pass."""
        try:
            self.seen_file.parent.mkdir(parents=True, exist_ok=True)
            replace_synced(self.seen_file, to_json(attrs.asdict(seen)))
        except OSError as error:
            return f"{self.seen_file.name} cannot be written ({words(error)}): a restart would accept an older state"
        return ""
