"""How a setting is declared, and how declared settings are read."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import attrs

Value = bool | int | float | str | list[str] | dict[str, str]
ValueT = TypeVar("ValueT")


class Percent(float):
    """A share of the devices, 0 to 100; written ``true`` (100), ``false`` (0) or a number in the settings."""


@attrs.frozen
class Setting:
    """One key of the settings table.

    ``by_env`` overrides ``default`` in ``dev``, ``stage`` (inherits ``prod``), ``prod`` or ``local``.
    ``live``: a reload applies it without a restart. ``secret``: never printed. ``alias``: a plain environment variable.
    ``kind`` is ``bool``, ``int``, ``float``, ``str``, ``Percent``, ``list`` (of texts) or ``dict`` (text to text).
    ``check`` returns what is wrong with a value, or "".
    """

    key: str
    kind: type[Any]
    default: Value
    text: str
    by_env: Mapping[str, Value] = attrs.field(factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    alias: str = ""
    secret: bool = False
    live: bool = False
    check: Callable[[Value], str] | None = None


@attrs.frozen
class Settings:
    """A validated snapshot: every declared key has a value and a source ("default", a file, a variable's name)."""

    env: str
    values: Mapping[str, Value]
    sources: Mapping[str, str]

    def get(self, key: str, kind: type[ValueT]) -> ValueT:
        """The value of a declared ``key``.

        Raises ``KeyError`` (with a suggestion) or ``TypeError``; both are bugs in the caller.
        """
        if key not in self.values:
            near = difflib.get_close_matches(key, self.values, n=1)
            raise KeyError(f"no setting {key!r} is declared" + (f"; did you mean {near[0]!r}?" if near else ""))
        value = self.values[key]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return cast("ValueT", float(value))
        if not isinstance(value, kind):
            raise TypeError(f"setting {key!r} is {type(value).__name__}, not {kind.__name__}")
        return value


@attrs.define
class LiveSettings:
    """What a plugin is given: always reads the newest snapshot."""

    current: Settings

    def get(self, key: str, kind: type[ValueT]) -> ValueT:
        """As ``Settings.get``, on the newest snapshot."""
        return self.current.get(key, kind)
