"""Checks of what clients send, each with a message that says what to fix."""

import base64
import binascii
import struct
import uuid

from nexy_core.errors import ValidationFailed
from nexy_core.events import Screenshot
from nexy_core.settings import LiveSettings


def hardware_id(value: str, settings: LiveSettings) -> str:
    """A device's address: not blank, short, printable."""
    value = value.strip()
    if not value:
        raise ValidationFailed("hardware_id is missing.", reason="no_hardware_id")
    if len(value) > settings.get("backpressure.max_id_chars", int) or not value.isprintable():
        raise ValidationFailed("hardware_id is not a valid id.", reason="bad_hardware_id")
    return value


def session_id(value: str, *, required: bool) -> str:
    """A UUID; blank only where the operator allows the oldest clients."""
    value = value.strip()
    if not value and not required:
        return ""
    if not value:
        raise ValidationFailed("session_id is missing: send a UUID.", reason="no_session_id")
    try:
        uuid.UUID(value)
    except ValueError:
        raise ValidationFailed("session_id is not a UUID.", reason="bad_session_id") from None
    return value


def loose_session_id(value: str, settings: LiveSettings) -> str:
    """Greetings and usage reports use other ids too (``welcome_<ts>``)."""
    if len(value) > settings.get("backpressure.max_id_chars", int) or not (value.isprintable() or not value):
        raise ValidationFailed("session_id is not a valid id.", reason="bad_session_id")
    return value


def prompt(value: str, settings: LiveSettings) -> str:
    """A question that is not blank and not endless."""
    value = value.strip()
    if not value:
        raise ValidationFailed("The prompt is empty: say something.", reason="no_prompt")
    limit = settings.get("backpressure.max_prompt_chars", int)
    if len(value) > limit:
        raise ValidationFailed(f"The prompt is longer than {limit} characters.", reason="prompt_too_long")
    return value


def screenshot_size(value: str, settings: LiveSettings) -> str:
    """Refuse a screenshot that is too long, before anything decodes it."""
    limit = settings.get("backpressure.max_screenshot_bytes", int)
    if len(value) > limit:
        raise ValidationFailed(f"The screenshot is larger than {limit} bytes.", reason="screenshot_too_large")
    return value


def screenshot(value: str, settings: LiveSettings) -> Screenshot | None:
    """Decode base64 strictly and read format and dimensions from the header; nothing decodes pixels here.

    Blocking for some milliseconds a megabyte: call it off the loop for large values.
    """
    if not value:
        return None
    try:
        data = base64.b64decode(screenshot_size(value, settings), validate=True)
    except (binascii.Error, ValueError):
        raise ValidationFailed("The screenshot is not base64.", reason="screenshot_not_base64") from None
    found = _dimensions(data)
    if found is None:
        raise ValidationFailed("The screenshot is not a WebP, JPEG or PNG image.", reason="screenshot_format")
    mime, width, height = found
    limit = settings.get("backpressure.max_screenshot_pixels", int)
    if not 0 < width * height <= limit:
        raise ValidationFailed(f"The screenshot has more than {limit} pixels.", reason="screenshot_dimensions")
    return Screenshot(data, mime, width, height)


def _dimensions(data: bytes) -> tuple[str, int, int] | None:
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            width, height = struct.unpack(">II", data[16:24])
            return "image/png", width, height
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
    except (struct.error, IndexError):
        return None
    return None


_WEBP_14_BITS = 0x3FFF
_WEBP_LOSSLESS_SIGNATURE = 0x2F


def _webp(data: bytes) -> tuple[str, int, int] | None:
    """Source: the WebP container specification and RFC 6386, section 9.1."""
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        return ("image/webp", width, height) if len(data) >= len(b"RIFF....WEBPVP8X") + 14 else None
    if kind == b"VP8L" and data[20] == _WEBP_LOSSLESS_SIGNATURE:
        bits = struct.unpack("<I", data[21:25])[0]
        return "image/webp", 1 + (bits & _WEBP_14_BITS), 1 + (bits >> 14 & _WEBP_14_BITS)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return "image/webp", width & _WEBP_14_BITS, height & _WEBP_14_BITS
    return None


_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_JPEG_MARKER = 0xFF


def _jpeg(data: bytes) -> tuple[str, int, int] | None:
    """Walk the segments to the frame header. Source: ITU-T T.81, annex B."""
    at = 2
    while data[at] == _JPEG_MARKER:
        marker = data[at + 1]
        if marker == _JPEG_MARKER:
            at += 1
            continue
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return "image/jpeg", width, height
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    return None
