"""Reading the store: everything is checked before anything of it is served."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import attrs

from nexy_updates.errors import Behind, StoreError
from nexy_updates.files import from_json, open_regular, read_limited
from nexy_updates.keys import PublicKey, accepted
from nexy_updates.layout import FEED_BYTES_MAX, INDEX_BYTES_MAX, INDEX_CONTEXT, SMALL_BYTES_MAX, Layout, digest_of
from nexy_updates.model import DIGEST_URL_CHARS, Artifact, Index, Offer
from nexy_updates.rollout import BUCKETS, admitted


@attrs.frozen
class Document:
    """Bytes ready to be sent, with their strong validator."""

    body: bytes = attrs.field(repr=False)
    etag: str

    @classmethod
    def of(cls, body: bytes) -> "Document":
        return cls(body, f'"{digest_of(body)}"')


@attrs.frozen
class Choice:
    """An offer with its documents. ``manifest`` is ``None`` when the older client has nothing to install."""

    offer: Offer
    appcast: Document
    manifest: Document | None


@attrs.frozen
class Snapshot:
    """One complete state of the store, checked. ``digest`` tells two states of one ``seq`` apart."""

    seq: int
    digest: str
    published: datetime
    expires: datetime
    channels: Mapping[str, tuple[Choice, ...]] = attrs.field(repr=False)
    artifacts: Mapping[tuple[str, str], Artifact] = attrs.field(repr=False)
    yanked: frozenset[tuple[str, str]]

    def choose(self, channel: str, hardware_id: str, *, manual: bool, holds: frozenset[str]) -> Choice | None:
        """What the device is offered: the newest release that admits it. ``None``: there is no such channel."""
        for choice in self.channels.get(channel, ()):
            offer = choice.offer
            if manual or (offer.version not in holds and admitted(offer.version, hardware_id, offer.rollout_bp)):
                return choice
        return None

    def offered_artifacts(self) -> Iterator[Artifact]:
        """The artifacts of the releases on offer, which are the ones a client will ask for."""
        versions = {choice.offer.version for choices in self.channels.values() for choice in choices}
        for artifact, version in self._versions.items():
            if version in versions:
                yield artifact

    _versions: Mapping[Artifact, str] = attrs.field(factory=dict, repr=False, kw_only=True)


@attrs.frozen
class Seen:
    """The newest state ever served: the server never goes back behind it."""

    seq: int = 0
    digest: str = ""


def load(layout: Layout, keys: Sequence[PublicKey], seen: Seen) -> Snapshot:
    """Read and check the state that the pointer names.

    Raises ``OSError`` when it cannot be read, ``Behind`` when it is older than ``seen``, ``StoreError`` when it is not
    as published. Takes milliseconds and reads no artifact, but blocks: call it from a thread.
    """
    seq, _ = layout.read_pointer()
    if seq < seen.seq:
        raise Behind(f"the store offers state {seq}, but state {seen.seq} was served before: an old copy was put back")
    folder = layout.generation(seq)
    indexes = tuple(_read_indexes(folder, keys))
    digest = digest_of("".join(raw for raw, _ in indexes).encode())
    if seq == seen.seq and digest != seen.digest:
        raise Behind(f"the store offers a second, different state {seq}: publish again to get a higher number")
    found = [index for _, index in indexes]
    _check_together(seq, found)
    snapshot = _assemble(seq, digest, found, folder)
    check_objects(layout, snapshot.offered_artifacts())
    return snapshot


def _read_indexes(folder: Path, keys: Sequence[PublicKey]) -> Iterator[tuple[str, Index]]:
    names = sorted(path for path in folder.iterdir() if path.name.endswith(".index.json"))
    if not names:
        raise StoreError(f"state {folder.name} has no index")
    for path in names:
        data, index = read_index(path, keys)
        if path.name != f"{index.channel}.index.json":
            raise StoreError(f"{path.name} is the index of another channel")
        yield digest_of(data), index


def read_index(path: Path, keys: Sequence[PublicKey]) -> tuple[bytes, Index]:
    """The bytes and the content of an index whose signature one of ``keys`` accepts."""
    if not keys:
        raise StoreError("update.public_keys is empty, so nothing can be verified: put there what keygen printed")
    data = read_limited(path, INDEX_BYTES_MAX)
    signatures = from_json(read_limited(path.with_suffix(".sig"), SMALL_BYTES_MAX), f"{path.stem}.sig")
    texts = [text for text in signatures if isinstance(text, str)] if isinstance(signatures, list) else []
    if not any(accepted(keys, text, INDEX_CONTEXT + data) for text in texts):
        raise StoreError(f"{path.name} is not signed by any of update.public_keys")
    return data, Index.parse(from_json(data, path.name), path.name)


def _check_together(seq: int, indexes: Sequence[Index]) -> None:
    """Signed one by one, they must also belong together: none missing, none from another state."""
    names = {index.channel for index in indexes}
    for index in indexes:
        if index.seq != seq:
            raise StoreError(f"the index of {index.channel} belongs to state {index.seq}, not {seq}")
        if set(index.channels) != names:
            raise StoreError(f"the indexes of state {seq} do not name the same channels")


def _assemble(seq: int, digest: str, indexes: Sequence[Index], folder: Path) -> Snapshot:
    entries = [entry for index in indexes for entry in index.entries]
    artifacts = {_address(a): a for entry in entries if not entry.yanked for a in entry.artifacts}
    yanked = frozenset(_address(a) for entry in entries if entry.yanked for a in entry.artifacts) - artifacts.keys()
    versions = {a: entry.version for entry in entries if not entry.yanked for a in entry.artifacts}
    channels = {index.channel: tuple(_choices(index.offers, folder)) for index in indexes}
    first = indexes[0]
    expires = min(index.expires for index in indexes)
    return Snapshot(seq, digest, first.published, expires, channels, artifacts, yanked, versions=versions)


def _address(artifact: Artifact) -> tuple[str, str]:
    return artifact.sha256[:DIGEST_URL_CHARS], artifact.name


def _choices(offers: Sequence[Offer], folder: Path) -> Iterator[Choice]:
    for offer in offers:
        appcast = _read_document(folder / f"{offer.appcast}.xml", offer.appcast)
        manifest = _read_document(folder / f"{offer.manifest}.json", offer.manifest) if offer.manifest else None
        yield Choice(offer, appcast, manifest)
    if not offers or offers[-1].rollout_bp < BUCKETS:
        raise StoreError("an index ends with an offer that does not admit everybody")


def _read_document(path: Path, sha256: str) -> Document:
    data = read_limited(path, FEED_BYTES_MAX)
    if digest_of(data) != sha256:
        raise StoreError(f"{path.name[:DIGEST_URL_CHARS]}… is damaged: its bytes are not the ones that were signed")
    return Document.of(data)


def check_objects(layout: Layout, artifacts: Iterator[Artifact]) -> None:
    """Every one is there as a regular file of the right size."""
    for artifact in artifacts:
        try:
            descriptor = open_regular(layout.object(artifact.sha256))
        except OSError as error:
            raise StoreError(f"the artifact {artifact.name} cannot be opened: {error.strerror}") from error
        size_bytes = os.fstat(descriptor).st_size
        os.close(descriptor)
        if size_bytes != artifact.size_bytes:
            raise StoreError(f"the artifact {artifact.name} has {size_bytes} bytes, not {artifact.size_bytes}")
