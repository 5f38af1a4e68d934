"""From the releases of a store to the answers of a channel: which feeds there are, and what each lists."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from nexy_updates.appcast import build_appcast
from nexy_updates.errors import StoreError
from nexy_updates.feedfile import sign_feed
from nexy_updates.keys import SigningKey
from nexy_updates.layout import digest_of
from nexy_updates.manifest import build_manifest
from nexy_updates.model import Entry, Offer, Release
from nexy_updates.rollout import BUCKETS
from nexy_updates.versions import version_key

FULL_OFFERS = 3
"""Finished releases with a feed of their own: what is left to offer when the newer ones are paused."""
UNFINISHED_MAX = 8
NEEDS_MAX = 40
"""Older releases that a feed lists because no newer one runs on that system."""

Files = dict[str, bytes]


@attrs.frozen
class Wording:
    """What feeds say beside the releases. ``channels``: the first is the default one."""

    title: str
    base_url: str
    channels: tuple[str, ...]
    feed_items: int


@attrs.frozen
class FeedBuilder:
    """Builds and signs every feed of a channel. ``record`` reads a release by its digest."""

    wording: Wording
    key: SigningKey
    record: Callable[[str], Release]

    def offers(self, channel: str, entries: Mapping[str, Sequence[Entry]], files: Files) -> tuple[Offer, ...]:
        """The offers of ``channel``, newest first; the feeds they name are put into ``files``."""
        default = self.wording.channels[0]
        visible = [entry for name in {channel, default} for entry in entries[name] if not entry.yanked]
        visible.sort(key=lambda entry: version_key(entry.version), reverse=True)
        best = _own_feed(visible)
        unfinished = sum(entry.rollout_bp < BUCKETS for entry in best)
        if unfinished > UNFINISHED_MAX:
            raise StoreError(f"channel {channel} has {unfinished} unfinished rollouts: promote or yank the older ones")
        offers = [self._offer(entry, self._listed(entry, visible), files) for entry in best]
        return (*offers, self._offer(None, [], files))

    def _listed(self, best: Entry, visible: Sequence[Entry]) -> list[Release]:
        """``best`` and the finished releases before it: the newest, and the last for each system they ask for."""
        limit = version_key(best.version)
        older = [e for e in visible if e.rollout_bp >= BUCKETS and version_key(e.version) < limit]
        newest = [best, *older[: self.wording.feed_items - 1]]
        known = {entry.needs for entry in newest}
        last = {entry.needs: entry for entry in reversed(older) if entry.needs not in known}
        rest = sorted(last.values(), key=lambda entry: version_key(entry.version), reverse=True)
        return [self.record(entry.record) for entry in (*newest, *rest[:NEEDS_MAX])]

    def _offer(self, best: Entry | None, releases: Sequence[Release], files: Files) -> Offer:
        wording = self.wording
        content = build_appcast(wording.title, wording.base_url, wording.channels[0], releases)
        appcast = _keep(files, sign_feed(content, self.key), ".xml")
        manifest = build_manifest(wording.base_url, releases)
        manifest_digest = _keep(files, manifest, ".json") if manifest else ""
        if best is None:
            return Offer("", "", BUCKETS, appcast, manifest_digest)
        return Offer(best.version, releases[0].channel, best.rollout_bp, appcast, manifest_digest)


def _own_feed(visible: Iterable[Entry]) -> list[Entry]:
    """Those that some device may see as the newest one."""
    best: list[Entry] = []
    full = 0
    for entry in visible:
        if full == FULL_OFFERS:
            break
        best.append(entry)
        full += entry.rollout_bp >= BUCKETS
    return best


def _keep(files: Files, data: bytes, suffix: str) -> str:
    digest = digest_of(data)
    files[digest + suffix] = data
    return digest
