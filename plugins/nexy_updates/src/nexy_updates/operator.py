"""From the settings and the command line to something that can publish."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from nexy_core import LiveSettings
from nexy_updates.capability import store_folder
from nexy_updates.errors import StoreError
from nexy_updates.keys import PublicKey, SigningKey
from nexy_updates.layout import Layout
from nexy_updates.model import check_channel
from nexy_updates.offers import Wording
from nexy_updates.publisher import Publisher
from nexy_updates.transaction import Committer

MIB = 1024 * 1024
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def layout_of(settings: LiveSettings) -> Layout:
    return Layout(store_folder(settings))


def public_keys(settings: LiveSettings) -> tuple[PublicKey, ...]:
    return tuple(PublicKey.parse(text) for text in settings.get("update.public_keys", list))


def channels(settings: LiveSettings) -> tuple[str, ...]:
    names = tuple(check_channel(name) for name in settings.get("update.channels", list))
    if not names:
        raise StoreError("update.channels is empty: name at least one channel")
    return names


def base_url(settings: LiveSettings) -> str:
    """Where clients download from: https, or plain http on this machine alone."""
    url = settings.get("update.base_url", str).rstrip("/")
    if not url:
        return f"http://127.0.0.1:{settings.get('update.port', int)}"
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise StoreError(f"update.base_url {url!r} must begin with https:// (macOS refuses plain http)")
    if not parts.hostname or parts.query or parts.fragment:
        raise StoreError(
            f"update.base_url {url!r} must be an address without query, such as https://updates.example.com"
        )
    return url


def signing_keys(settings: LiveSettings, sources: Sequence[str]) -> tuple[SigningKey, ...]:
    """The keys named on the command line, else the one of ``update.key_file``."""
    named = list(sources) or [name for name in (settings.get("update.key_file", str),) if name]
    if not named:
        raise StoreError("no key: give --key FILE (or --key - for standard input), or set update.key_file")
    return tuple(SigningKey.read(source) for source in named)


def publisher_of(settings: LiveSettings, sources: Sequence[str], *, despite_clock: bool = False) -> Publisher:
    """A publisher for the configured store."""
    keys = signing_keys(settings, sources)
    wording = Wording(
        settings.get("update.title", str),
        base_url(settings),
        channels(settings),
        settings.get("update.feed_items", int),
    )
    expiry_days = settings.get("update.expiry_days", int)
    committer = Committer(layout_of(settings), keys, wording, expiry_days, despite_clock)
    trusted = (*public_keys(settings), *(key.public for key in keys))
    return Publisher(committer, trusted, limit_bytes(settings))


def limit_bytes(settings: LiveSettings) -> int:
    return settings.get("update.max_release_mib", int) * MIB


def stored_bytes(settings: LiveSettings) -> int:
    """The size of all artifacts, for a progress bar."""
    folder = layout_of(settings).objects
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0


def read_notes(path: Path | None) -> dict[str, str]:
    """The notes and how Sparkle is to show them, by the file's ending."""
    if path is None:
        return {}
    formats = {".html": "html", ".htm": "html", ".md": "markdown", ".txt": "plain-text"}
    if path.suffix.lower() not in formats:
        raise StoreError(f"notes {path.name!r} must end with {', '.join(formats)}")
    try:
        return {"notes": path.read_text("utf-8").strip(), "notes_format": formats[path.suffix.lower()]}
    except UnicodeDecodeError as error:
        raise StoreError(f"notes {path.name!r} are not UTF-8 text") from error
