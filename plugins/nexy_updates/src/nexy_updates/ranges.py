"""Conditional and range requests (RFC 9110), for files whose strong ETag is their hash."""

import re

import attrs

from nexy_updates.errors import StoreError

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_HEADER_CHARS_MAX = 4096


class Unsatisfiable(StoreError):
    """The range lies outside the file: 416."""


@attrs.frozen
class Span:
    """``length`` bytes from ``start``; ``partial``: they are a part of the file (206)."""

    start: int
    length: int
    partial: bool


def matches(header: str, etag: str) -> bool:
    """Does ``If-None-Match`` name this file? Compared weakly, as for a GET it must be."""
    header = header[:_HEADER_CHARS_MAX].strip()
    return header == "*" or etag in _TAG.findall(header)


def matches_strongly(header: str, etag: str) -> bool:
    """Does ``If-Match`` name this file?"""
    header = header[:_HEADER_CHARS_MAX].strip()
    return header == "*" or etag in (tag.strip() for tag in header.split(","))


def span_of(range_header: str | None, if_range: str | None, etag: str, size_bytes: int) -> Span:
    """The bytes to send. Anything but one well-formed range, or an ``If-Range`` for another file, means all of them.

    Raises ``Unsatisfiable``.
    """
    whole = Span(0, size_bytes, partial=False)
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return whole
    match = _RANGE.fullmatch(range_header)
    if match is None or (not match[1] and not match[2]):
        return whole
    if not match[1]:
        length = min(int(match[2]), size_bytes)
        return _part(size_bytes - length, size_bytes - 1, size_bytes)
    start, end = int(match[1]), int(match[2] or size_bytes - 1)
    if match[2] and end < start:
        return whole
    return _part(start, min(end, size_bytes - 1), size_bytes)


def _part(start: int, end: int, size_bytes: int) -> Span:
    if start >= size_bytes or end < start:
        raise Unsatisfiable("the range lies outside the file")
    return Span(start, end - start + 1, partial=True)
