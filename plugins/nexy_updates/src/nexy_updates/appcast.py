"""The Sparkle feed: built once, when something is published, then only served."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from email.utils import format_datetime

from nexy_updates.errors import StoreError
from nexy_updates.layout import FEED_BYTES_MAX
from nexy_updates.model import Artifact, Release

NAMESPACE = "http://www.andymatuschak.org/xml-namespaces/sparkle"
ENCLOSURE_TYPE = "application/octet-stream"
SIGNATURE_BYTES_RESERVED = 256
_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_text(text: str, what: str) -> str:
    """Refuse the characters that XML cannot hold, escaped or not."""
    if _ILLEGAL.search(text):
        raise StoreError(f"{what} holds a control character, which a feed cannot carry")
    return text


def build_appcast(title: str, base_url: str, default_channel: str, releases: Sequence[Release]) -> bytes:
    """The unsigned feed of ``releases``, newest first, at most ``FEED_BYTES_MAX`` long with its signature.

    The oldest are left out when it would be longer. Raises ``StoreError`` when the newest alone does not fit.
    """
    room = FEED_BYTES_MAX - SIGNATURE_BYTES_RESERVED - len(_render(title, base_url, []))
    items: list[ET.Element] = []
    for release in releases:
        item = _item(release, title, base_url, default_channel)
        room -= len(ET.tostring(item, encoding="utf-8")) + 1
        if room < 0 and items:
            break
        if room < 0:
            raise StoreError(f"release {release.version} alone makes a feed larger than {FEED_BYTES_MAX} bytes")
        items.append(item)
    content = _render(title, base_url, items)
    _reread(content, [release.version for release in releases[: len(items)]])
    return content


def _render(title: str, base_url: str, items: Sequence[ET.Element]) -> bytes:
    root = ET.Element("rss", {"version": "2.0", "xmlns:sparkle": NAMESPACE})
    channel = ET.SubElement(root, "channel")
    _text(channel, "title", title)
    _text(channel, "link", base_url)
    _text(channel, "description", f"Updates of {title}")
    channel.extend(items)
    return _DECLARATION + bytes(ET.tostring(root, encoding="utf-8")) + b"\n"


def _item(release: Release, title: str, base_url: str, default_channel: str) -> ET.Element:
    item = ET.Element("item")
    _text(item, "title", release.title or f"{title} {release.short_version}")
    _text(item, "link", release.link)
    _text(item, "pubDate", format_datetime(release.published))
    _text(item, "sparkle:version", release.version)
    _text(item, "sparkle:shortVersionString", release.short_version)
    _text(item, "sparkle:channel", "" if release.channel == default_channel else release.channel)
    _text(item, "sparkle:minimumSystemVersion", release.minimum_system_version)
    _text(item, "sparkle:hardwareRequirements", release.hardware_requirements)
    _text(item, "sparkle:minimumUpdateVersion", release.minimum_update_version)
    _text(item, "sparkle:phasedRolloutInterval", str(release.phased_rollout_interval_seconds or ""))
    _flags(item, release)
    if release.notes:
        description = ET.SubElement(item, "description", {"sparkle:format": release.notes_format})
        description.text = check_text(release.notes, "the release notes")
    ET.SubElement(item, "enclosure", _enclosure(release.artifact, base_url))
    if release.deltas:
        deltas = ET.SubElement(item, "sparkle:deltas")
        for delta in release.deltas:
            origin = {"sparkle:deltaFrom": delta.from_version}
            ET.SubElement(deltas, "enclosure", {**_enclosure(delta.artifact, base_url), **origin})
    return item


def _flags(item: ET.Element, release: Release) -> None:
    if release.critical_below is not None:
        below = {"sparkle:version": release.critical_below} if release.critical_below else {}
        ET.SubElement(item, "sparkle:criticalUpdate", below)
    if release.informational_below is not None:
        informational = ET.SubElement(item, "sparkle:informationalUpdate")
        _text(informational, "sparkle:belowVersion", release.informational_below)


def _enclosure(artifact: Artifact, base_url: str) -> dict[str, str]:
    return {
        "url": base_url + artifact.path,
        "length": str(artifact.size_bytes),
        "type": ENCLOSURE_TYPE,
        "sparkle:edSignature": artifact.ed25519,
    }


def _text(parent: ET.Element, tag: str, text: str) -> None:
    """A child with text; none at all for an empty one, which Sparkle would take as given."""
    if text:
        ET.SubElement(parent, tag).text = check_text(text, tag)


def _reread(content: bytes, versions: Sequence[str]) -> None:
    """What comes out must be what went in, for a reader that knows namespaces."""
    root = ET.fromstring(content)  # noqa: S314  # the bytes were made a line above
    found = [item.findtext(f"{{{NAMESPACE}}}version") for item in root.iterfind("channel/item")]
    if found != list(versions):
        raise StoreError("the feed does not read back as it was written")
