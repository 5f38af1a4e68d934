"""What the store holds: artifacts, releases, and the signed index of a channel."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from nexy_updates.errors import StoreError
from nexy_updates.rollout import BUCKETS
from nexy_updates.versions import version_key

FORMAT = 1
DIGEST_URL_CHARS = 16
_CHANNEL = re.compile(r"[A-Za-z0-9._-]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_channel(name: str) -> str:
    """Sparkle's rule for channel names."""
    if not _CHANNEL.fullmatch(name):
        raise StoreError(f"channel {name[:40]!r} may hold only letters, digits, dot, hyphen and underscore")
    return name


def check_name(name: str) -> str:
    """A file name that is safe in a URL, a header and a shell."""
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"file name {name[:60]!r} may hold only letters, digits, . _ - and start with a letter or digit"
        )
    return name


def check_digest(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise StoreError("a digest is not 64 lower-case hex digits")
    return digest


@attrs.frozen
class Artifact:
    """A file that clients download. ``ed25519`` is the base64 signature over its bytes."""

    sha256: str
    size_bytes: int
    name: str
    ed25519: str

    @property
    def path(self) -> str:
        return f"/updates/downloads/{self.sha256[:DIGEST_URL_CHARS]}/{self.name}"

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Artifact":
        size_bytes = int(data["size_bytes"])
        return cls(check_digest(data["sha256"]), size_bytes, check_name(data["name"]), str(data["ed25519"]))


@attrs.frozen
class Delta:
    """A smaller artifact for those who run ``from_version``."""

    from_version: str
    artifact: Artifact


@attrs.frozen
class Release:
    """What was published, once and for all. ``critical_below`` and ``informational_below``: ``None`` means not at all,
    "" means for everybody, a version means for those older than it.
    """

    version: str
    short_version: str
    channel: str
    published: datetime
    artifact: Artifact
    title: str = ""
    notes: str = ""
    notes_format: str = "plain-text"
    link: str = ""
    minimum_system_version: str = ""
    hardware_requirements: str = ""
    minimum_update_version: str = ""
    critical_below: str | None = None
    informational_below: str | None = None
    phased_rollout_interval_seconds: int = 0
    deltas: tuple[Delta, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**attrs.asdict(self), "published": self.published.isoformat()}

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Release":
        deltas = tuple(Delta(d["from_version"], Artifact.parse(d["artifact"])) for d in data["deltas"])
        fields = {**data, "artifact": Artifact.parse(data["artifact"]), "deltas": deltas}
        return cls(**{**fields, "published": datetime.fromisoformat(data["published"])})

    @property
    def needs(self) -> str:
        return f"{self.minimum_system_version} {self.hardware_requirements}".strip()

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        return (self.artifact, *(delta.artifact for delta in self.deltas))


@attrs.frozen
class Entry:
    """A release in an index: ``record`` is the digest of its file in ``releases/``, ``needs`` what it asks of a Mac."""

    version: str
    record: str
    rollout_bp: int
    yanked: bool
    artifacts: tuple[Artifact, ...]
    needs: str = ""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Entry":
        version_key(data["version"])
        artifacts = tuple(Artifact.parse(artifact) for artifact in data["artifacts"])
        rollout_bp = check_rollout(int(data["rollout_bp"]))
        record, needs = check_digest(data["record"]), str(data["needs"])
        return cls(data["version"], record, rollout_bp, bool(data["yanked"]), artifacts, needs)


def check_rollout(rollout_bp: int) -> int:
    if not 0 <= rollout_bp <= BUCKETS:
        raise StoreError(f"a rollout is outside 0 to {BUCKETS} basis points")
    return rollout_bp


@attrs.frozen
class Offer:
    """One answer of a channel: the feed whose newest release is ``version`` ("" for none), by digest of its bytes.

    ``channel`` is the one the release was published in; ``manifest`` "" means nothing for the older client.
    """

    version: str
    channel: str
    rollout_bp: int
    appcast: str
    manifest: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Offer":
        manifest = check_digest(data["manifest"]) if data["manifest"] else ""
        rollout_bp = check_rollout(int(data["rollout_bp"]))
        return cls(str(data["version"]), str(data["channel"]), rollout_bp, check_digest(data["appcast"]), manifest)


@attrs.frozen
class Index:
    """The signed state of one channel.

    ``offers`` are tried in order, newest first, and the first that admits the device is its answer. ``audit`` is the
    head of the audit chain, so that the chain cannot be rewritten behind a signed index.
    """

    channel: str
    channels: tuple[str, ...]
    seq: int
    published: datetime
    expires: datetime
    audit: str
    entries: tuple[Entry, ...] = ()
    offers: tuple[Offer, ...] = ()

    def as_json(self) -> dict[str, Any]:
        times = {"published": self.published.isoformat(), "expires": self.expires.isoformat()}
        return {"format": FORMAT, **attrs.asdict(self), **times}

    @classmethod
    def parse(cls, data: Any, name: str) -> "Index":
        """Raises ``StoreError`` whatever is wrong with ``data``."""
        try:
            if data["format"] != FORMAT:
                raise StoreError(f"{name} has format {data['format']!r}; this version reads {FORMAT}")
            return cls(
                channel=check_channel(data["channel"]),
                channels=tuple(check_channel(channel) for channel in data["channels"]),
                seq=int(data["seq"]),
                published=_moment(data["published"]),
                expires=_moment(data["expires"]),
                audit=check_digest(data["audit"]),
                entries=tuple(Entry.parse(entry) for entry in data["entries"]),
                offers=tuple(Offer.parse(offer) for offer in data["offers"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise StoreError(f"{name} does not have the fields of an index") from error


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def now_utc() -> datetime:
    """The time, to the second: finer is of no use to a feed."""
    return datetime.now(UTC).replace(microsecond=0)
