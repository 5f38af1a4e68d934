"""The value of a key: its default, and each source that says something about it, weakest first."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nexy_core.config.sources import Reading
from nexy_core.config.values import BadValue, Problem, parse, shown
from nexy_core.config.variables import Layer
from nexy_core.core_settings import AUTO, AUTO_HOSTS, KILL_SWITCHES
from nexy_core.settings import Setting, Value

DEFAULT_SOURCE = "default"
_ABSENT = object()


def default_for(setting: Setting, env: str) -> Value:
    """The table's value of a key in an environment: stage inherits prod, local inherits dev."""
    inherited = {"stage": "prod", "local": "dev"}.get(env, env)
    return setting.by_env.get(env, setting.by_env.get(inherited, setting.default))


def resolve(
    settings: Iterable[Setting], reading: Reading, env: str
) -> tuple[dict[str, Value], dict[str, str], list[Problem]]:
    """Values and sources by key, and what is wrong; a bad value reads as the next weaker one."""
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    for setting in settings:
        values[setting.key], origins[setting.key] = _resolve_one(setting, reading, env, problems)
    return values, origins, problems


def _resolve_one(setting: Setting, reading: Reading, env: str, problems: list[Problem]) -> tuple[Value, str]:
    default = default_for(setting, env)
    value, origin = parse(setting, default, text=False), DEFAULT_SOURCE
    for layer, raw in _written(setting, reading.layers, env):
        source = layer.source_of(setting.key)
        try:
            new = parse(setting, default if _is_auto(setting, raw) else raw, text=layer.text)
        except BadValue as error:
            remedy = f"For example: {shown(default, secret=False) or 'nothing'}."
            written = shown(raw, secret=setting.secret)
            problems.append(Problem(setting.key, written, source, str(error), remedy))
            continue
        value, origin = _stronger(setting, (value, origin), (new, source))
    return value, origin


def _written(setting: Setting, layers: Iterable[Layer], env: str) -> Iterator[tuple[Layer, object]]:
    for layer in layers:
        raw = _find(layer.tree, setting.key.split("."))
        # A first start exposes nothing: local takes dev's values, but never dev's public address.
        exposing = env == "local" and layer.section == "dev" and setting.key in AUTO_HOSTS
        if raw is not _ABSENT and not exposing:
            yield layer, raw


def _is_auto(setting: Setting, raw: object) -> bool:
    return setting.key in AUTO_HOSTS and isinstance(raw, str) and raw.strip().lower() == AUTO


def _stronger(setting: Setting, old: tuple[Value, str], new: tuple[Value, str]) -> tuple[Value, str]:
    if setting.key.startswith(KILL_SWITCHES) and old[0] is True:
        return old
    if isinstance(old[0], dict) and isinstance(new[0], dict):
        return old[0] | new[0], new[1]
    return new


def _find(tree: Any, path: list[str]) -> object:
    for part in path:
        if not isinstance(tree, dict) or part not in tree:
            return _ABSENT
        tree = tree[part]
    return tree


def leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    """Every full key of a tree, with its value."""
    for name, value in tree.items():
        key = f"{above}.{name}" if above else name
        if isinstance(value, Mapping):
            yield from leaves(value, key)
        else:
            yield key, value


def ancestry(key: str) -> Iterator[str]:
    """The key itself and the tables above it: a value inside a ``dict`` setting belongs to that setting."""
    while key:
        yield key
        key = key.rpartition(".")[0]
