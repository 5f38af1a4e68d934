"""The settings of the update site and its commands. ``update.host`` and ``update.port`` are the core's."""

import base64
import binascii

from nexy_core import Setting
from nexy_updates.errors import StoreError
from nexy_updates.model import check_channel
from nexy_updates.rollout import basis_points

_KEY_BYTES = 32


def _check_keys(value: object) -> str:
    try:
        sizes = {len(base64.b64decode(text, validate=True)) for text in value} if isinstance(value, list) else {0}
    except (binascii.Error, ValueError):
        sizes = {0}
    return "" if sizes <= {_KEY_BYTES} else "must be public keys as nexy updates keygen prints them (base64, 32 bytes)"


def _check_channels(value: object) -> str:
    names = value if isinstance(value, list) else []
    try:
        return "" if names and [check_channel(name) for name in names] else "must name at least one channel"
    except StoreError as error:
        return str(error)


def _check_stages(value: object) -> str:
    stages = value if isinstance(value, list) else []
    try:
        return "" if stages and [basis_points(stage) for stage in stages] else "must name at least one percentage"
    except StoreError as error:
        return str(error)


SETTINGS = (
    Setting("update.dir", str, "", "The update store; empty means the folder 'updates' in storage.data_dir."),
    Setting(
        "update.public_keys",
        list,
        [],
        "Ed25519 public keys (base64, 32 bytes) that published states are checked with; two while a key is rotated.",
        check=_check_keys,
    ),
    Setting("update.key_file", str, "", "For the commands alone: the private key file. The server never opens it."),
    Setting("update.base_url", str, "", "The public address that feeds name, such as https://updates.example.com."),
    Setting("update.title", str, "Nexy", "The application's name in feeds."),
    Setting(
        "update.channels",
        list,
        ["stable", "beta"],
        "Release channels; the first is the default one.",
        check=_check_channels,
    ),
    Setting("update.poll_seconds", float, 1.0, "How often the store is looked at.", minimum=0.05, maximum=30),
    Setting(
        "update.max_requests_per_minute",
        int,
        600,
        "Requests one client address may make; 0 for no limit.",
        minimum=0,
        live=True,
    ),
    Setting("update.max_downloads", int, 100, "Downloads running at once.", minimum=1, maximum=10_000, live=True),
    Setting(
        "update.max_downloads_per_client", int, 8, "Downloads one client address may run at once.", minimum=1, live=True
    ),
    Setting(
        "update.stall_seconds", float, 30.0, "How long a download may stay below its pace.", minimum=0.1, live=True
    ),
    Setting(
        "update.min_download_kib_per_second",
        int,
        4,
        "The slowest pace a download may keep, in KiB a second.",
        minimum=0,
        live=True,
    ),
    Setting(
        "update.trusted_proxies",
        list,
        ["127.0.0.1", "::1"],
        "Addresses whose X-Forwarded-For names the client.",
        live=True,
    ),
    Setting("update.scrub_hours", float, 24.0, "How often offered artifacts are hashed.", minimum=0.1, maximum=8760),
    Setting("update.expiry_days", int, 90, "How long a published state is good.", minimum=1, maximum=3650),
    Setting("update.max_release_mib", int, 1024, "The largest artifact that is published or accepted.", minimum=1),
    Setting("update.feed_items", int, 30, "The most releases a feed lists.", minimum=1, maximum=200),
    Setting(
        "update.rollout_stages",
        list,
        ["1", "25", "50", "100"],
        "The percentages that promote goes through.",
        check=_check_stages,
    ),
)
