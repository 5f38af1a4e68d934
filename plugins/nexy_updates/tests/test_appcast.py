"""The feed, as Sparkle and two independent readers see it."""

import io
import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_updates.appcast import build_appcast
from nexy_updates.errors import StoreError
from nexy_updates.feedfile import sign_feed, verify_feed
from nexy_updates.keys import SigningKey
from nexy_updates.layout import FEED_BYTES_MAX
from nexy_updates.manifest import build_manifest
from nexy_updates.model import Artifact, Delta, Entry, Release
from nexy_updates.offers import FeedBuilder, Wording

SPARKLE = "http://www.andymatuschak.org/xml-namespaces/sparkle"
NS = f"{{{SPARKLE}}}"
KEY = SigningKey.generate()
WHEN = datetime(2026, 11, 22, 9, 30, 0, tzinfo=UTC)
BASE = "https://updates.example.com"


def artifact(name="Nexy.dmg", number=1):
    return Artifact(f"{number:064x}", 276_000_000, name, KEY.sign(str(number).encode()))


def release(version="2.0.0.33", **fields):
    return Release(version, fields.pop("short_version", "2.0"), fields.pop("channel", "stable"), WHEN,
                   fields.pop("artifact", artifact()), **fields)  # fmt: skip


FULL = release(
    channel="beta",
    notes="<h1>Привет</h1> & ]]> <!-- sparkle-signatures:",
    notes_format="html",
    link="https://example.com/a?b=1&c=2",
    minimum_system_version="12.0",
    hardware_requirements="arm64",
    minimum_update_version="1.5",
    critical_below="1.9",
    informational_below="1.0",
    phased_rollout_interval_seconds=86400,
    deltas=(Delta("1.9", artifact("a.delta", 2)),),
)


def feed(*releases):
    return build_appcast("Nexy", BASE, "stable", releases)


def test_every_element_is_where_sparkle_looks_for_it():
    item = ET.fromstring(feed(FULL)).find("channel/item")
    texts = {child.tag: child.text for child in item if child.text}
    assert texts == {
        "title": "Nexy 2.0",
        "link": "https://example.com/a?b=1&c=2",
        "pubDate": "Sun, 22 Nov 2026 09:30:00 +0000",
        f"{NS}version": "2.0.0.33",
        f"{NS}shortVersionString": "2.0",
        f"{NS}channel": "beta",
        f"{NS}minimumSystemVersion": "12.0",
        f"{NS}hardwareRequirements": "arm64",
        f"{NS}minimumUpdateVersion": "1.5",
        f"{NS}phasedRolloutInterval": "86400",
        "description": FULL.notes,
    }
    assert item.find("description").get(f"{NS}format") == "html"
    assert item.find(f"{NS}criticalUpdate").get(f"{NS}version") == "1.9"
    assert item.find(f"{NS}informationalUpdate/{NS}belowVersion").text == "1.0"
    assert item.find("enclosure").attrib == {
        "url": f"{BASE}/updates/downloads/{'0' * 16}/Nexy.dmg",
        "length": "276000000",
        "type": "application/octet-stream",
        f"{NS}edSignature": FULL.artifact.ed25519,
    }
    delta = item.find(f"{NS}deltas/enclosure")
    assert delta.get(f"{NS}deltaFrom") == "1.9"
    assert delta.get(f"{NS}edSignature") == FULL.deltas[0].artifact.ed25519


def test_what_is_not_said_is_not_there():
    """An empty element means something else to Sparkle than none: an empty channel, or critical for all."""
    item = ET.fromstring(feed(release())).find("channel/item")
    assert {child.tag for child in item} == {
        "title", "pubDate", f"{NS}version", f"{NS}shortVersionString", "enclosure"
    }  # fmt: skip


def test_critical_for_everybody_names_no_version():
    item = ET.fromstring(feed(release(critical_below=""))).find("channel/item")
    assert item.find(f"{NS}criticalUpdate").attrib == {}


def test_the_signature_covers_every_byte_before_its_comment():
    """Read with a reader written from Sparkle's own rule: the last mark, back to the start."""
    content = feed(FULL)
    signed = sign_feed(content, KEY)
    before, mark, block = signed.rpartition(b"<!-- sparkle-signatures:\n")
    fields = dict(line.split(": ", 1) for line in block.decode().removesuffix("-->\n").splitlines())
    assert mark
    assert before == content
    assert int(fields["length"]) == len(content)
    assert verify_feed(signed, [KEY.public]) == content
    ET.fromstring(signed)


@pytest.mark.parametrize(
    "change",
    [
        lambda feed: feed.replace(b"276000000", b"276000001"),
        lambda feed: feed + b" ",
        lambda feed: feed[:-1],
        lambda feed: b" " + feed,
        lambda feed: feed.replace(b"-->\n", b"-->\n\n"),
        lambda feed: re.sub(rb"length: (\d+)\n-->", rb"length: 1\n-->", feed),
        lambda feed: feed + feed[feed.rindex(b"<!-- sparkle-signatures:") :],
        lambda feed: feed[: feed.rindex(b"<!-- sparkle-signatures:")],
        lambda _: b"",
    ],
)
def test_a_changed_feed_is_refused(change):
    with pytest.raises(StoreError):
        verify_feed(change(sign_feed(feed(FULL), KEY)), [KEY.public])


def legal_in_xml(code):
    """XML 1.0, production 2."""
    return code in {9, 10, 13} or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


@given(st.text(max_size=60))
def test_any_text_is_carried_unchanged_or_refused(text):
    if any(not legal_in_xml(ord(char)) for char in text):
        with pytest.raises(StoreError, match="control character"):
            feed(release(notes=text, title=text))
        return
    content = feed(release(notes=text, title=text))
    item = ET.fromstring(content).find("channel/item")
    normal = re.sub("\r\n?", "\n", text)  # as every XML reader must
    assert (item.findtext("description") or "") == normal
    assert item.findtext("title") == (normal or "Nexy 2.0")


def test_xmllint_reads_the_feed(tmp_path):
    if not shutil.which("xmllint"):
        pytest.skip("xmllint is missing: apt-get install libxml2-utils")
    path = tmp_path / "appcast.xml"
    path.write_bytes(sign_feed(feed(FULL, release("1.0")), KEY))
    query = f"string(/rss/channel/item[1]/enclosure/@*[local-name()='edSignature' and namespace-uri()='{SPARKLE}'])"
    result = subprocess.run(["xmllint", "--nonet", "--xpath", query, path], capture_output=True, text=True)
    assert (result.returncode, result.stdout.strip()) == (0, FULL.artifact.ed25519)
    assert subprocess.run(["xmllint", "--noout", path], capture_output=True).stderr == b""


def test_feedparser_reads_the_feed():
    parsed = feedparser.parse(io.BytesIO(sign_feed(feed(FULL, release("1.0")), KEY)))
    assert not parsed.bozo
    assert [entry.sparkle_version for entry in parsed.entries] == ["2.0.0.33", "1.0"]
    assert parsed.entries[0].published_parsed[:5] == (2026, 11, 22, 9, 30)
    assert parsed.entries[0].enclosures[0].length == "276000000"


def test_a_long_feed_drops_its_oldest_releases():
    releases = [release(f"1.{number}", notes="я" * 10_000) for number in range(100, 0, -1)]
    content = feed(*releases)
    assert FEED_BYTES_MAX * 0.8 < len(sign_feed(content, KEY)) <= FEED_BYTES_MAX
    versions = [item.findtext(f"{NS}version") for item in ET.fromstring(content).iterfind("channel/item")]
    assert versions == [r.version for r in releases[: len(versions)]]


def test_one_release_that_does_not_fit_is_refused():
    with pytest.raises(StoreError, match="alone"):
        feed(release(notes="x" * FEED_BYTES_MAX))


def entries_of(releases):
    return [Entry(r.version, f"{n:064x}", 10_000, False, (r.artifact,), r.needs) for n, r in enumerate(releases)]


def test_five_thousand_releases_make_a_small_feed_quickly():
    releases = [release(f"1.{n}", notes="Better. " * 20) for n in range(5000)]
    wording = Wording("Nexy", BASE, ("stable", "beta"), 30)
    builder = FeedBuilder(wording, KEY, lambda record: releases[int(record, 16)])
    files = {}
    start = time.process_time()
    offers = builder.offers("stable", {"stable": entries_of(releases), "beta": []}, files)
    assert time.process_time() - start < 1
    assert offers[0].version == "1.4999"
    assert max(len(data) for data in files.values()) <= 256 * 1024


def test_the_last_release_for_an_old_mac_stays_in_the_feed():
    releases = [release(f"1.{n}", minimum_system_version="11.0" if n < 10 else "13.0") for n in range(100)]
    builder = FeedBuilder(Wording("Nexy", BASE, ("stable",), 5), KEY, lambda record: releases[int(record, 16)])
    files = {}
    offers = builder.offers("stable", {"stable": entries_of(releases)}, files)
    root = ET.fromstring(files[offers[0].appcast + ".xml"])
    versions = [item.findtext(f"{NS}version") for item in root.iterfind("channel/item")]
    assert versions == ["1.99", "1.98", "1.97", "1.96", "1.95", "1.9"]


def test_the_older_client_is_never_offered_what_it_cannot_install():
    archive = release("3.0", artifact=artifact("Nexy.zip"))
    notice = release("2.5", informational_below="", link=BASE)
    image = release("2.0")
    assert b'"build":"2.0"' in build_manifest(BASE, [archive, notice, image])
    assert build_manifest(BASE, [archive, notice]) is None
