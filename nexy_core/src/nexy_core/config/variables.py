"""Settings from environment variables and config.env, and the layer that any source becomes."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from nexy_core.config.values import BadValue, Problem, parse_toml

PREFIX = "NEXY_"
NESTING = "__"
KILL_SWITCH_PREFIX = "NEXY_KS_"
ENVIRONMENT_VARIABLE = "NEXY_ENV"
FOLDER_VARIABLE = "NEXY_SETTINGS_DIR"
ENVIRONMENT = "environment"
ALIAS_SIMILARITY = 0.85

Tree = dict[str, Any]


@attrs.frozen
class Layer:
    """One source of values. ``text``: they came as texts. ``section`` is the environment table of a file."""

    source: str
    tree: Tree
    text: bool = False
    section: str = ""
    names: Mapping[str, str] = attrs.field(factory=dict)
    """Key to the variable it came from."""

    def source_of(self, key: str) -> str:
        """The variable that set the key or the table it is in, or the file's table."""
        while key and key not in self.names:
            key = key.rpartition(".")[0]
        return self.names.get(key, self.source)


def misspelt_aliases(variables: Mapping[str, str], aliases: Mapping[str, str], origin: str) -> Iterator[Problem]:
    """Names in config.env that are almost an alias."""
    for name in variables:
        near = difflib.get_close_matches(name, aliases, n=1, cutoff=ALIAS_SIMILARITY)
        if near and name not in aliases and not name.startswith(PREFIX):
            yield Problem(name, "", origin, "is no known variable", f"Did you mean {near[0]}?")


def variable_layers(
    variables: Mapping[str, str], aliases: Mapping[str, str], origin: str, problems: list[Problem]
) -> Iterator[Layer]:
    """Two layers: the aliases, then the ``NEXY_`` variables, which win."""
    where = "" if origin == ENVIRONMENT else f" in {origin}"
    by_alias = {name: aliases[name] for name in variables if name in aliases}
    by_alias |= {name: _kill_switch(name) for name in variables if name.upper().startswith(KILL_SWITCH_PREFIX)}
    yield _layer(variables, by_alias, where, problems)
    reserved = {ENVIRONMENT_VARIABLE, FOLDER_VARIABLE, *by_alias}
    prefixed = {name: _key(name) for name in variables if name.upper().startswith(PREFIX) and name not in reserved}
    yield _layer(variables, prefixed, where, problems)


def _kill_switch(name: str) -> str:
    return f"kill_switches.{name[len(KILL_SWITCH_PREFIX) :].lower()}"


def _key(name: str) -> str:
    return name[len(PREFIX) :].replace(NESTING, ".").lower()


def _layer(variables: Mapping[str, str], keys: Mapping[str, str], where: str, problems: list[Problem]) -> Layer:
    tree: Tree = {}
    for name, key in sorted(keys.items()):
        try:
            _put(tree, key.split("."), variables[name])
        except BadValue as error:
            remedy = "Set the keys one by one, or unset the table."
            problems.append(Problem(key, "", name + where, str(error), remedy))
    return Layer(f"{ENVIRONMENT}{where}", tree, text=True, names={key: name + where for name, key in keys.items()})


def _put(tree: Tree, path: list[str], value: str) -> None:
    *tables, leaf = path
    for table in tables:
        tree = tree.setdefault(table, {})
        if not isinstance(tree, dict):
            raise BadValue("has a value and parts at once")
    if isinstance(tree.get(leaf), dict):
        raise BadValue("has a value and parts at once")
    tree[leaf] = _table(value) if value.lstrip().startswith("{") else value


def _table(value: str) -> Any:
    """``NEXY_LLM={model = "x"}`` sets a table; a text that merely starts with a brace stays one."""
    try:
        parsed = parse_toml(value)
    except BadValue:
        return value
    return _lower(parsed) if isinstance(parsed, dict) else value


def _lower(tree: Mapping[str, Any]) -> Tree:
    return {key.lower(): _lower(value) if isinstance(value, dict) else value for key, value in tree.items()}
