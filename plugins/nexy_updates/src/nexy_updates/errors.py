"""What can be wrong with a store, a key or a request to publish."""

from nexy_core import ConfigError


class StoreError(ConfigError):
    """The store cannot be used as it is. The text says what, where and what to do; it never holds a key."""


class Behind(StoreError):
    """The store offers an older state than one already served: a replay, or a restored backup."""
