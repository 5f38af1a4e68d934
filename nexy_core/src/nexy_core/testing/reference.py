"""The reference of everything a plugin sees, as Markdown, made from the code."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import attrs

from nexy_core import errors, events, hookspecs
from nexy_core.capability import ROLES
from nexy_core.config.document import table
from nexy_core.core_settings import core_settings, dynamic_setting
from nexy_core.errors import ConfigError, NexyError
from nexy_core.plugins.reasons import Reason
from nexy_core.settings import Setting
from nexy_core.testing.kit.rules import Rule

BEGIN = "<!-- generated: reference -->"
END = "<!-- end: reference -->"
FOR_EVERY_PLUGIN = ("plugins.NAME.enabled", "plugins.NAME.percent", "kill_switches.disable_NAME")
SHARED_TABLES = ("plugins", "roles")


def between(document: str, text: str) -> str:
    """``document`` with ``text`` between its marks. Raises ``ConfigError`` when they are not there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"the document has no {BEGIN} and {END}: add both")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def markdown() -> str:
    """All sections."""
    return "\n".join([*_hooks(), *_roles(), *_events(), *_errors(), *_settings(), *_rules(), *_reasons()])


def _section(title: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(head)
    yield from (f"### {title}", "", _row(heads), _row("---" for _ in heads))
    yield from map(_row, rows)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _doc(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").replace("``", "`")


def _hooks() -> Iterator[str]:
    rows = []
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction):
        options = getattr(function, f"{hookspecs.PROJECT}_spec", None)
        if options is not None:
            kind = "once, when the plugin is registered" if options["historic"] else "each plugin's, in turn"
            kind = "the first answer counts" if options["firstresult"] else kind
            rows.append((f"`{name}{_signature(function)}`", kind, _doc(function)))
    return _section("Hooks", ("hook", "called", "what for"), rows)


def _signature(function: Any) -> str:
    return _unqualified(str(inspect.signature(function)))


def _roles() -> Iterator[str]:
    rows = []
    for role in ROLES:
        request, event = get_args(role.__orig_bases__[0])  # type: ignore[attr-defined]
        rows.append((f"`{role.role}`", f"`{role.__name__}`", _types(request), _types(event), _doc(role)))
    return _section("Roles", ("role", "class", "requests", "events", "what it does"), rows)


def _types(union: Any) -> str:
    return ", ".join(f"`{kind.__name__}`" for kind in get_args(union) or (union,))


def _events() -> Iterator[str]:
    rows = []
    for name, kind in vars(events).items():
        if inspect.isclass(kind) and attrs.has(kind):
            fields = ", ".join(f"`{field.name}: {_name(field.type)}`" for field in attrs.fields(kind))
            rows.append((f"`{name}`", fields, _doc(kind)))
    return _section("Requests and events", ("type", "fields", "meaning"), rows)


def _name(kind: Any) -> str:
    text = kind.__name__ if inspect.isclass(kind) and not get_args(kind) else str(kind)
    return _unqualified(text)


def _unqualified(text: str) -> str:
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", text)


def _errors() -> Iterator[str]:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, NexyError)]
    rows = ((f"`{kind.__name__}`", f"`{kind.error_type}`", _doc(kind)) for kind in kinds)
    return _section("Errors", ("exception", "error type", "when"), rows)


def _settings() -> Iterator[str]:
    """How one is declared, and the ones that are there for every plugin."""
    yield from ("### Settings", "", _doc(Setting), "")
    fields = ((f"`{field.name}: {_name(field.type)}`", _default(field.default)) for field in attrs.fields(Setting))
    yield from _section("Fields of a Setting", ("field", "default"), fields)
    named = filter(None, map(dynamic_setting, FOR_EVERY_PLUGIN))
    shared = (setting for setting in core_settings() if setting.key.partition(".")[0] in SHARED_TABLES)
    yield from ("### Settings for every plugin", "", table([*named, *shared]), "")


def _default(default: Any) -> str:
    if default is attrs.NOTHING:
        return "must be given"
    return "empty" if isinstance(default, attrs.Factory) else f"`{default!r}`"  # type: ignore[arg-type]  # a class


def _rules() -> Iterator[str]:
    rows = ((f"`{rule.code}`", rule.text, rule.remedy) for rule in Rule)
    return _section("Rules of the contract", ("rule", "what it asks for", "how to mend it"), rows)


def _reasons() -> Iterator[str]:
    rows = ((f"`{reason.code}`", reason.text, reason.remedy) for reason in Reason if reason is not Reason.NONE)
    return _section("Why is my plugin not loaded?", ("reason", "what happened", "what to do"), rows)
