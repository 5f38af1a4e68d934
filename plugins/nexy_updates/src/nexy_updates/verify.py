"""The whole store, checked to the last byte: what the server trusts, and what only a client would notice."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from nexy_updates import audit
from nexy_updates.errors import StoreError
from nexy_updates.feedfile import verify_feed
from nexy_updates.files import from_json, read_limited
from nexy_updates.keys import PublicKey, accepted, map_file
from nexy_updates.layout import RELEASE_BYTES_MAX, Layout, digest_of
from nexy_updates.model import Artifact, Entry, Release, now_utc
from nexy_updates.objects import Progress, check_size, hash_file
from nexy_updates.snapshot import Seen, Snapshot, load, read_index


def verify_store(layout: Layout, keys: Sequence[PublicKey], limit_bytes: int, progress: Progress) -> Iterator[str]:
    """Every problem found, in words; nothing when all is well."""
    try:
        snapshot = load(layout, keys, Seen())
    except FileNotFoundError:
        yield "nothing has been published"
        return
    except (OSError, StoreError) as error:
        yield str(error)
        return
    if snapshot.expires <= now_utc():
        yield f"the index expired at {snapshot.expires.isoformat()}: run nexy updates renew"
    paths = sorted(layout.generation(snapshot.seq).glob("*.index.json"))
    indexes = [read_index(path, keys)[1] for path in paths]
    yield from _verify_audit(layout, indexes[0].audit)
    yield from _verify_feeds(snapshot, keys)
    for entry in (entry for index in indexes for entry in index.entries if not entry.yanked):
        yield from _verify_entry(layout, entry, keys, limit_bytes, progress)


def _verify_feeds(snapshot: Snapshot, keys: Sequence[PublicKey]) -> Iterator[str]:
    for channel, choices in snapshot.channels.items():
        for choice in choices:
            name = f"the feed of {channel} for {choice.offer.version or 'nobody'}"
            yield from _attempt(name, partial(_check_feed, choice.appcast.body, keys))


def _verify_audit(layout: Layout, head: str) -> Iterator[str]:
    try:
        digests = {line.digest for line in audit.read_chain(layout.audit)}
    except FileNotFoundError:
        yield "audit.jsonl is missing"
    except StoreError as error:
        yield str(error)
    else:
        if head not in digests:
            yield "audit.jsonl does not hold the event that the signed index names: it was rewritten or cut"


def _verify_entry(
    layout: Layout, entry: Entry, keys: Sequence[PublicKey], limit_bytes: int, progress: Progress
) -> Iterator[str]:
    yield from _attempt(f"release {entry.version}", partial(_check_record, layout, entry))
    for artifact in entry.artifacts:
        name = f"release {entry.version}, {artifact.name}"
        yield from _attempt(name, partial(_check_artifact, layout, artifact, keys, limit_bytes, progress))


def _attempt(name: str, check: Callable[[], None]) -> Iterator[str]:
    try:
        check()
    except OSError as error:
        yield f"{name}: {error.strerror}"
    except StoreError as error:
        yield f"{name}: {error}"


def _check_feed(body: bytes, keys: Sequence[PublicKey]) -> None:
    verify_feed(body, keys)


def _check_record(layout: Layout, entry: Entry) -> None:
    data = read_limited(layout.release(entry.record), RELEASE_BYTES_MAX)
    if digest_of(data) != entry.record:
        raise StoreError("its record in releases/ was changed")
    if Release.parse(from_json(data, "its record")).artifacts != entry.artifacts:
        raise StoreError("its record names other artifacts than the index")


def _check_artifact(
    layout: Layout, artifact: Artifact, keys: Sequence[PublicKey], limit_bytes: int, progress: Progress
) -> None:
    path = layout.object(artifact.sha256)
    size_bytes = path.stat(follow_symlinks=False).st_size
    check_size(artifact.name, size_bytes, limit_bytes)
    if size_bytes != artifact.size_bytes:
        raise StoreError(f"{size_bytes} bytes, not {artifact.size_bytes}")
    if hash_file(path, progress) != artifact.sha256:
        raise StoreError("its bytes are not the published ones (bit rot, or somebody changed them)")
    with map_file(path) as content, memoryview(content) as view:
        if not accepted(keys, artifact.ed25519, view):
            raise StoreError("its signature is not by any of update.public_keys")


def verify_file(path: Path, signature: str, keys: Sequence[PublicKey], limit_bytes: int) -> None:
    """One file against one signature. Raises ``StoreError``."""
    check_size(path.name, path.stat().st_size, limit_bytes)
    with map_file(path) as content, memoryview(content) as view:
        if not accepted(keys, signature, view):
            raise StoreError(f"{path.name} is not signed by any of update.public_keys")
