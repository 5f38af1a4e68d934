"""What can be wrong with a store, a key or a request to publish."""

from nexy_core import ConfigError


class StoreError(ConfigError):
    """The store cannot be used as it is. The text says what, where and what to do; it never holds a key."""


def words(error: OSError | StoreError) -> str:
    """What went wrong, without the paths that the system adds: it is shown to anybody who asks for the health."""
    return str(error) if isinstance(error, StoreError) else error.strerror or type(error).__name__


class Behind(StoreError):
    """The store offers an older state than one already served: a replay, or a restored backup."""
