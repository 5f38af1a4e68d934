"""The public list of Piper voices: what there is, how large it is, and its checksums."""

import json
from collections.abc import Mapping
from typing import Any

import attrs

from nexy_core import ConfigError, Unavailable
from nexy_tts.download import Source, fetch_bytes
from nexy_tts.files import CONFIG_SUFFIX, MODEL_SUFFIX, is_voice_name

_CATALOGUE = "voices.json"
_MAX_CATALOGUE_BYTES = 8 * 1024 * 1024
_DIGESTS = ("sha256", "md5")  # Piper's own list has MD5: it finds damage; HTTPS is what keeps strangers out


@attrs.frozen
class RemoteVoice:
    """A voice that can be downloaded."""

    key: str
    short_name: str
    language: str
    language_name: str
    quality: str
    aliases: tuple[str, ...]
    config: Source
    model: Source

    @property
    def size_bytes(self) -> int:
        return self.config.size_bytes + self.model.size_bytes


def fetch_catalogue(base_url: str, timeout_seconds: float) -> dict[str, RemoteVoice]:
    """Every voice of the list at ``base_url``, by key. Raises ``Unavailable``."""
    data = fetch_bytes(f"{base_url.rstrip('/')}/{_CATALOGUE}", _MAX_CATALOGUE_BYTES, timeout_seconds)
    try:
        raw = json.loads(data)
        voices = [voice for key, entry in raw.items() if (voice := _voice(base_url, key, entry))]
    except (ValueError, AttributeError) as error:
        raise Unavailable("The list of voices cannot be read; is tts.voices_url right?", reason="bad_list") from error
    return {voice.key: voice for voice in voices}


def choose(voices: Mapping[str, RemoteVoice], wanted: str) -> RemoteVoice:
    """The voice called ``wanted``: its key, an alias, or a short name only one has. Raises ``ConfigError``."""
    if wanted in voices:
        return voices[wanted]
    found = [voice for voice in voices.values() if wanted in (*voice.aliases, voice.short_name)]
    if len(found) == 1:
        return found[0]
    near = found or [voice for voice in voices.values() if voice.language.split("_")[0] == wanted.lower()]
    hint = ", ".join(sorted(voice.key for voice in near)) or "see `nexy voices list --all`"
    raise ConfigError(f"there is no single voice {wanted!r}; choose one: {hint}")


def _voice(base_url: str, key: str, entry: Any) -> RemoteVoice | None:
    """The entry as a voice; ``None`` for one that is not understood: the list may grow."""
    try:
        return RemoteVoice(
            key=key,
            short_name=str(entry["name"]),
            language=str(entry["language"]["code"]),
            language_name=str(entry["language"]["name_english"]),
            quality=str(entry["quality"]),
            aliases=tuple(str(alias) for alias in entry.get("aliases", ())),
            config=_source(base_url, key, CONFIG_SUFFIX, entry["files"]),
            model=_source(base_url, key, MODEL_SUFFIX, entry["files"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _source(base_url: str, key: str, suffix: str, entries: Mapping[str, Any]) -> Source:
    if not is_voice_name(key):
        raise ValueError("not a voice's name")
    path = next(path for path in [*entries, ""] if path.rpartition("/")[2] == key + suffix or not path)
    entry = entries[path]
    algorithm = next(name for name in [*_DIGESTS, ""] if f"{name}_digest" in entry or not name)
    return Source(
        url=f"{base_url.rstrip('/')}/{path}",
        size_bytes=int(entry["size_bytes"]),
        algorithm=algorithm,
        digest=str(entry[f"{algorithm}_digest"]).lower(),
    )
