"""What an operator can do to the store. Each method takes the lock, checks, and commits one new state or none."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from nexy_updates import audit
from nexy_updates.errors import StoreError
from nexy_updates.files import replace_synced, sync_folder, to_json, write_synced
from nexy_updates.keys import PublicKey
from nexy_updates.layout import RELEASE_BYTES_MAX, Layout, digest_of
from nexy_updates.model import Artifact, Delta, Entry, Release
from nexy_updates.objects import Progress, add_object, explain, hash_file, sign_file
from nexy_updates.rollout import BUCKETS, as_percent
from nexy_updates.transaction import Committer, State, locked, read_state
from nexy_updates.versions import version_key

DELTAS_MAX = 20


def _ignore(_: int) -> None:
    """No progress is shown."""


@attrs.frozen
class Draft:
    """What is to be published. ``details`` are the further fields of the ``Release``."""

    file: Path
    version: str
    channel: str
    rollout_bp: int
    deltas: tuple[tuple[str, Path], ...] = ()
    details: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Publisher:
    """Changes the store. ``trusted`` are the keys that the current state may be signed with."""

    committer: Committer
    trusted: tuple[PublicKey, ...]
    limit_bytes: int

    @property
    def layout(self) -> Layout:
        return self.committer.layout

    def state(self) -> State:
        return read_state(self.layout, self.trusted, self.committer.wording.channels)

    def publish(self, draft: Draft, progress: Progress = _ignore) -> tuple[Release, int]:
        """Publish a release; the same file under the same version again is no error and changes nothing."""
        with locked(self.layout):
            state = self.state()
            known = self._known(state, draft)
            if known is None:
                check_newer(state, draft.channel, draft.version)
            self.committer.now(state)  # before the long work
            release = self._store(draft, progress)
            if known is not None:
                return self._same(known, release), state.seq
            return release, self._announce(state, release, draft.rollout_bp)

    def _known(self, state: State, draft: Draft) -> Entry | None:
        for channel, entries in state.entries.items():
            for entry in entries:
                if version_key(entry.version) == version_key(draft.version):
                    if channel != draft.channel or entry.yanked:
                        raise StoreError(f"version {entry.version} was published before, and cannot be used again")
                    return entry
        return None

    def _same(self, known: Entry, release: Release) -> Release:
        if known.artifacts[0].sha256 != release.artifact.sha256:
            raise StoreError(f"version {known.version} is published with another file; a version never changes")
        return release

    def _store(self, draft: Draft, progress: Progress) -> Release:
        if len(draft.deltas) > DELTAS_MAX:
            raise StoreError(f"a release has at most {DELTAS_MAX} deltas")
        artifact = self._add(draft.file, progress)
        deltas = tuple(Delta(version, self._add(path, progress)) for version, path in draft.deltas)
        return Release(
            version=draft.version,
            channel=draft.channel,
            published=self.committer.clock(),
            artifact=artifact,
            deltas=deltas,
            **draft.details,
        )

    def _add(self, path: Path, progress: Progress) -> Artifact:
        return add_object(self.layout, path, self.committer.keys[0], self.limit_bytes, progress)

    def _announce(self, state: State, release: Release, rollout_bp: int) -> int:
        entry = self._write_record(release, rollout_bp)
        changed = state.replacing(release.channel, [*state.entries[release.channel], entry])
        details = {"version": release.version, "channel": release.channel, "sha256": release.artifact.sha256}
        return self.committer.commit(changed, "publish", {**details, "rollout": as_percent(rollout_bp)})

    def _write_record(self, release: Release, rollout_bp: int) -> Entry:
        data = to_json(release.as_json())
        if len(data) > RELEASE_BYTES_MAX:
            raise StoreError("the release's notes and fields are too long")
        record = digest_of(data)
        path = self.layout.release(record)
        try:
            path.unlink(missing_ok=True)
            write_synced(path, data)
            sync_folder(path.parent)
        except OSError as error:
            raise explain(error, "cannot publish") from error
        return Entry(release.version, record, rollout_bp, False, release.artifacts, release.needs)

    def set_rollout(self, version: str, rollout_bp: int) -> int:
        """Offer ``version`` to this share of the devices."""
        return self._change(version, "rollout", {"rollout": as_percent(rollout_bp)}, rollout_bp=rollout_bp)

    def promote(self, version: str, stages_bp: Sequence[int]) -> int:
        """Go on to the next stage, which is returned in basis points."""
        with locked(self.layout):
            state = self.state()
            entry = _offered(state, version)
            if version in self.layout.read_holds():
                raise StoreError(f"version {version} is paused: run nexy updates resume {version} first")
            following = [stage for stage in sorted(stages_bp) if stage > entry.rollout_bp]
            if not following:
                raise StoreError(f"version {version} is at {as_percent(entry.rollout_bp)} already")
            changed = state.changing(version, rollout_bp=following[0])
            details = {"version": version, "rollout": as_percent(following[0])}
            self.committer.commit(changed, "promote", details)
            return following[0]

    def yank(self, version: str) -> int:
        """Withdraw ``version`` for good, from everybody."""
        return self._change(version, "yank", {}, yanked=True)

    def renew(self, *, resign: bool = False, progress: Progress = _ignore) -> int:
        """The same state again, with a new date of expiry and new feeds; ``resign``: new artifact signatures too."""
        with locked(self.layout):
            state = self.state()
            if not state.seq:
                raise StoreError("nothing has been published yet")
            if resign:
                entries = {name: tuple(self._resigned(e, progress) for e in old) for name, old in state.entries.items()}
                state = attrs.evolve(state, entries=entries)
            return self.committer.commit(state, "resign" if resign else "renew", {})

    def _resigned(self, entry: Entry, progress: Progress) -> Entry:
        """``entry`` with every artifact signed by the first key; what is yanked stays as it was."""
        if entry.yanked:
            return entry
        release = self.committer.read_release(entry.record)
        deltas = tuple(attrs.evolve(d, artifact=self._sign_again(d.artifact, progress)) for d in release.deltas)
        signed = attrs.evolve(release, artifact=self._sign_again(release.artifact, progress), deltas=deltas)
        return self._write_record(signed, entry.rollout_bp)

    def _sign_again(self, artifact: Artifact, progress: Progress) -> Artifact:
        path = self.layout.object(artifact.sha256)
        try:
            if hash_file(path, progress) != artifact.sha256:
                raise StoreError(f"{artifact.name} is damaged, and will not be signed: publish it again")
            return attrs.evolve(artifact, ed25519=sign_file(path, self.committer.keys[0]))
        except OSError as error:
            raise explain(error, f"cannot sign {artifact.name}") from error

    def _change(self, version: str, event: str, details: dict[str, Any], **changes: Any) -> int:
        with locked(self.layout):
            state = self.state()
            _offered(state, version)
            return self.committer.commit(state.changing(version, **changes), event, {"version": version, **details})


def _offered(state: State, version: str) -> Entry:
    _, entry = state.find(version)
    if entry.yanked:
        raise StoreError(f"version {version} was yanked, which is for good: publish a newer one")
    return entry


def check_newer(state: State, channel: str, version: str) -> None:
    """A client only ever moves up."""
    newest = max((version_key(entry.version) for entry in state.entries[channel]), default=None)
    if newest is not None and version_key(version) <= newest:
        shown = ".".join(map(str, newest))
        raise StoreError(f"version {version} is not newer than {shown}, the newest of channel {channel}")


def hold(layout: Layout, versions: Sequence[str], *, held: bool, at: Any) -> None:
    """Pause or resume versions. It needs no key: within what is signed, it only narrows or restores."""
    with locked(layout):
        holds = layout.read_holds()
        changed = holds | set(versions) if held else holds - set(versions)
        try:
            replace_synced(layout.holds, to_json(sorted(changed)))
            _note_hold(layout, versions, held=held, at=at)
        except OSError as error:
            raise explain(error, "cannot change holds.json") from error


def _note_hold(layout: Layout, versions: Sequence[str], *, held: bool, at: Any) -> None:
    last = audit.last_line(layout.audit)
    seq, _ = layout.read_pointer()
    line = audit.make_line(last, at, "pause" if held else "resume", seq, {"versions": sorted(versions)})
    audit.append(layout.audit, line)


def running_rollouts(state: State) -> list[str]:
    """The versions that some devices see and others do not."""
    entries = [entry for entries in state.entries.values() for entry in entries if not entry.yanked]
    return [entry.version for entry in entries if 0 < entry.rollout_bp < BUCKETS]
