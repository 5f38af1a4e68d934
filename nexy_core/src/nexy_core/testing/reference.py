"""The reference of everything a plugin sees, as Markdown, made from the code."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import attrs

from nexy_core import errors, events, hookspecs
from nexy_core.capability import ROLES
from nexy_core.errors import ConfigError, NexyError
from nexy_core.plugins.reasons import Reason
from nexy_core.testing.kit.rules import Rule

BEGIN = "<!-- generated: reference -->"
END = "<!-- end: reference -->"


def between(document: str, text: str) -> str:
    """``document`` with ``text`` between its marks. Raises ``ConfigError`` when they are not there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"the document has no {BEGIN} and {END}: add both")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def markdown() -> str:
    """All sections."""
    return "\n".join([*_hooks(), *_roles(), *_events(), *_errors(), *_rules(), *_reasons()])


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


def _rules() -> Iterator[str]:
    rows = ((f"`{rule.code}`", rule.text, rule.remedy) for rule in Rule)
    return _section("Rules of the contract", ("rule", "what it asks for", "how to mend it"), rows)


def _reasons() -> Iterator[str]:
    rows = ((f"`{reason.code}`", reason.text, reason.remedy) for reason in Reason if reason is not Reason.NONE)
    return _section("Why is my plugin not loaded?", ("reason", "what happened", "what to do"), rows)
