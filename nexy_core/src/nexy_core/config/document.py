"""The settings table as Markdown: what docs/configuration.md shows."""

from collections.abc import Mapping

from nexy_core.config.values import shown
from nexy_core.settings import Percent, Setting

HEAD = "| key | type | default | bounds | live | what it does |\n| --- | --- | --- | --- | --- | --- |"
_KINDS = {Percent: "percent", list: "list", dict: "table"}


def markdown(declared: Mapping[str, tuple[str, Setting]]) -> str:
    """A table for each owner, in the order of declaration."""
    owners = dict.fromkeys(owner for owner, _ in declared.values())
    parts = []
    for owner in owners:
        rows = [_row(setting) for holder, setting in declared.values() if holder == owner]
        if rows:
            parts.append("\n".join([f"### {owner}\n", HEAD, *rows]))
    return "\n\n".join(parts) + "\n"


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
    low = f"{setting.minimum:g}" if setting.minimum is not None else ""
    high = f"{setting.maximum:g}" if setting.maximum is not None else ""
    if low and high:
        return f"{low}–{high}"
    return f"≥ {low}" if low else f"≤ {high}" if high else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
