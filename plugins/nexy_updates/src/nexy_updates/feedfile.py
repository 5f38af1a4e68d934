"""The signature that a feed carries, as Sparkle 2.9 reads it."""

import re
from collections.abc import Sequence

from nexy_updates.errors import StoreError
from nexy_updates.keys import PublicKey, SigningKey, accepted

_MARK = b"<!-- sparkle-signatures:\n"
_BLOCK = re.compile(rb"<!-- sparkle-signatures:\nedSignature: ([A-Za-z0-9+/=]{88})\nlength: ([0-9]{1,9})\n-->\n")


def sign_feed(content: bytes, key: SigningKey) -> bytes:
    """``content`` and a last comment with the signature over every byte before it."""
    if _MARK in content:
        raise StoreError("the feed holds a signature already")
    return (
        content + f"<!-- sparkle-signatures:\nedSignature: {key.sign(content)}\nlength: {len(content)}\n-->\n".encode()
    )


def verify_feed(feed: bytes, keys: Sequence[PublicKey]) -> bytes:
    """The signed content. Raises ``StoreError``."""
    start = feed.rfind(_MARK)
    block = _BLOCK.fullmatch(feed, max(start, 0))
    if block is None:
        raise StoreError("the feed does not end with a sparkle-signatures comment")
    content = feed[:start]
    if int(block[2]) != len(content):
        raise StoreError(f"the feed's signature covers {int(block[2])} bytes, but {len(content)} come before it")
    if not accepted(keys, block[1].decode(), content):
        raise StoreError("the feed is not signed by a trusted key, or was changed after signing")
    return content
