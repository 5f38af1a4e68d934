"""The shapes that many settings share."""

from collections.abc import Mapping

from nexy_core.settings import Setting, Value

MAX_PORT = 65_535
DAY_SECONDS = 24 * 3600
MAX_COUNT = 100_000


def port(key: str, default: int, text: str, alias: str) -> Setting:
    """A TCP port; 0 takes a free one."""
    return Setting(key, int, default, text, minimum=0, maximum=MAX_PORT, alias=alias)


def count(key: str, default: int, text: str, *, minimum: int = 1, live: bool = True, **more: int) -> Setting:
    """A whole number of something; ``more`` is by environment."""
    return Setting(key, int, default, text, minimum=minimum, live=live, by_env=more)


def seconds(key: str, default: float, text: str, *, minimum: float = 0.001, live: bool = True) -> Setting:
    """A length of time."""
    return Setting(key, float, default, text, minimum=minimum, maximum=DAY_SECONDS, live=live)


def by_env(dev: int, stage: int, prod: int) -> Mapping[str, Value]:
    """Values by environment."""
    return {"dev": dev, "stage": stage, "prod": prod}


def limit(key: str, values: Mapping[str, Value], text: str, alias: str) -> Setting:
    """A limit of the canon, with its variable."""
    return Setting(key, int, values["prod"], text, by_env=values, minimum=1, maximum=MAX_COUNT, alias=alias, live=True)
