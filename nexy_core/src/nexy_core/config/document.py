"""The settings table as Markdown: what docs/configuration.md shows."""

from collections.abc import Iterable, Mapping

from nexy_core.config.values import shown
from nexy_core.core_settings import CORE, core_settings, dynamic_setting
from nexy_core.errors import ConfigError
from nexy_core.settings import Percent, Setting

BEGIN = "<!-- settings: begin -->"
END = "<!-- settings: end -->"
HEAD = "| key | type | default | bounds | live | what it does |\n| --- | --- | --- | --- | --- | --- |"
_KINDS = {Percent: "percent", list: "list", dict: "table"}


def markdown(declared: Mapping[str, tuple[str, Setting]]) -> str:
    """A table for the core and one for each plugin, in the order of declaration.

    The keys that a plugin's mere name makes are left out: they are there for any name.
    """
    own = {setting.key for setting in core_settings()}
    rows: dict[str, list[str]] = {}
    for owner, setting in declared.values():
        if setting.key in own or dynamic_setting(setting.key) is None:
            rows.setdefault(owner, []).append(_row(setting))
    parts = ["\n".join([_title(owner), "", HEAD, *found]) for owner, found in rows.items()]
    return "\n\n".join(parts) + "\n"


def table(settings: Iterable[Setting]) -> str:
    """One table of these settings."""
    return "\n".join([HEAD, *map(_row, settings)])


def _title(owner: str) -> str:
    return "### The core" if owner == CORE else f"### The plugin {owner}"


def between_marks(document: str, text: str) -> str:
    """``document`` with the text between its marks. Raises ``ConfigError`` when they are not there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"the document has no {BEGIN} and {END}: add both")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def _row(setting: Setting) -> str:
    kind = _KINDS.get(setting.kind, setting.kind.__name__) + (", secret" if setting.secret else "")
    alias = f" Also `{setting.alias}`." if setting.alias else ""
    cells = (f"`{setting.key}`", kind, _defaults(setting), _bounds(setting), "yes" if setting.live else "")
    return "| " + " | ".join((*cells, _cell(setting.text + alias))) + " |"


def _defaults(setting: Setting) -> str:
    values = {"": setting.default, **setting.by_env}
    return ", ".join(
        (f"{env}: " if env else "") + f"`{_cell(shown(value, secret=False))}`" for env, value in values.items()
    )


def _bounds(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    low = f"{setting.minimum:.12g}" if setting.minimum is not None else ""
    high = f"{setting.maximum:.12g}" if setting.maximum is not None else ""
    if low and high:
        return f"{low}–{high}"
    return f"≥ {low}" if low else f"≤ {high}" if high else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
