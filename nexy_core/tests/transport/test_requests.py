"""What clients send is checked before anything works on it."""

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_core.errors import ValidationFailed
from nexy_core.settings import LiveSettings, Settings
from nexy_core.transport import requests

SETTINGS = LiveSettings(
    Settings(
        "local",
        {
            "backpressure.max_prompt_chars": 100,
            "backpressure.max_id_chars": 128,
            "backpressure.max_screenshot_bytes": 10_000,
            "backpressure.max_screenshot_pixels": 1280 * 720,
        },
        {},
    )
)


def png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )


def jpeg(width, height):
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(12)


def webp_extended(width, height):
    body = (
        b"VP8X"
        + struct.pack("<I", 10)
        + bytes(4)
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little")
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp_lossless(width, height):
    body = b"VP8L" + struct.pack("<I", 9) + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(4)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp_lossy(width, height):
    body = b"VP8 " + struct.pack("<I", 10) + bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def encoded(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("make", [png, jpeg, webp_extended, webp_lossless, webp_lossy])
def test_dimensions_come_from_the_header(make):
    shot = requests.screenshot(encoded(make(640, 360)), SETTINGS)
    assert (shot.width, shot.height) == (640, 360)


@pytest.mark.parametrize("make", [png, jpeg, webp_extended, webp_lossless, webp_lossy])
def test_an_image_bomb_is_refused_by_its_header(make):
    with pytest.raises(ValidationFailed) as refused:
        requests.screenshot(encoded(make(16_000, 16_000)), SETTINGS)
    assert refused.value.reason == "screenshot_dimensions"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("not base64!", "screenshot_not_base64"),
        (encoded(b"GIF89a" + bytes(20)), "screenshot_format"),
        (encoded(png(1, 1)[:14]), "screenshot_format"),
        (encoded(png(0, 1)), "screenshot_dimensions"),
        ("A" * 10_004, "screenshot_too_large"),
    ],
)
def test_bad_screenshots_say_why(value, reason):
    with pytest.raises(ValidationFailed) as refused:
        requests.screenshot(value, SETTINGS)
    assert refused.value.reason == reason


def test_no_screenshot_is_none():
    assert requests.screenshot("", SETTINGS) is None


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff", b""]), st.binary(max_size=60))
def test_any_bytes_are_an_image_or_a_clear_refusal(magic, rest):
    try:
        shot = requests.screenshot(encoded(magic + rest), SETTINGS)
    except ValidationFailed:
        return
    assert shot is None or 0 < shot.width * shot.height <= 1280 * 720


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (lambda: requests.hardware_id("  ", SETTINGS), "no_hardware_id"),
        (lambda: requests.hardware_id("x" * 200, SETTINGS), "bad_hardware_id"),
        (lambda: requests.hardware_id("a\x00b", SETTINGS), "bad_hardware_id"),
        (lambda: requests.session_id("", required=True), "no_session_id"),
        (lambda: requests.session_id("welcome_123", required=True), "bad_session_id"),
        (lambda: requests.loose_session_id("a\nb", SETTINGS), "bad_session_id"),
        (lambda: requests.prompt(" \n", SETTINGS), "no_prompt"),
        (lambda: requests.prompt("x" * 101, SETTINGS), "prompt_too_long"),
    ],
)
def test_bad_fields_say_why(check, reason):
    with pytest.raises(ValidationFailed) as refused:
        check()
    assert refused.value.reason == reason


def test_the_oldest_clients_send_no_session_id():
    assert requests.session_id("", required=False) == ""
    assert requests.loose_session_id("welcome_1700000000", SETTINGS) == "welcome_1700000000"
