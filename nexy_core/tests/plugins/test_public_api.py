"""What plugins are built on does not break by accident: see docs/plugins.md, Versions."""

import inspect
from pathlib import Path

import attrs

import nexy_core
from nexy_core import hookspecs, testing

RECORD = Path(__file__).with_name("public_api.txt")


def lines():
    """One line for each promise: a name, a field with its default, a method, a hook."""
    yield f"API_VERSION {nexy_core.API_VERSION.partition('.')[0]}"
    for name in nexy_core.__all__:
        thing = getattr(nexy_core, name)
        yield name
        if inspect.isclass(thing) and attrs.has(thing):
            yield from (
                f"{name}.{f.name}{'' if f.default is attrs.NOTHING else ' optional'}" for f in attrs.fields(thing)
            )
        elif inspect.isclass(thing) and issubclass(thing, nexy_core.Capability | nexy_core.NexyError):
            methods = inspect.getmembers(thing, inspect.isfunction)
            yield from (f"{name}.{m}{inspect.signature(f)}" for m, f in methods if m == "__init__" or m[0] != "_")
        elif inspect.isclass(thing) and hasattr(thing, "__members__"):
            yield from (f"{name}.{member} = {value.value}" for member, value in thing.__members__.items())
    yield from lines_of_testing()
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith("nexy_"):
            yield f"{name}({', '.join(inspect.signature(function).parameters)})"


def lines_of_testing():
    for name in testing.__all__:
        thing = getattr(testing, name)
        yield f"testing.{name}({', '.join(inspect.signature(thing).parameters)})"
        methods = inspect.getmembers(thing, inspect.isfunction) if inspect.isclass(thing) else []
        own = ((m, f) for m, f in methods if m[0] != "_" and not hasattr(nexy_core.Capability, m))
        yield from (f"testing.{name}.{m}({', '.join(inspect.signature(f).parameters)})" for m, f in own)


def test_every_promise_is_kept():
    promised, given = set(RECORD.read_text(encoding="utf-8").splitlines()), set(lines())
    assert not promised - given, "a plugin may break: deprecate first, then raise API_VERSION's major number"


def test_every_new_name_is_promised():
    promised, given = set(RECORD.read_text(encoding="utf-8").splitlines()), set(lines())
    assert not given - promised, (
        f"add to {RECORD.name} and raise API_VERSION's minor number: {sorted(given - promised)}"
    )
