"""Whatever an index holds, reading it ends in an index or in a ``StoreError``."""

import contextlib
import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nexy_updates.errors import StoreError
from nexy_updates.model import Index

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just("9999-12-31T23:59:59-23:59"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def index(tmp_path_factory, request):
    world = request.getfixturevalue("world_type")(tmp_path_factory.mktemp("store"))
    world.publish("1.0", "25", critical_below="")
    return json.loads((world.layout.generation(1) / "stable.index.json").read_bytes())


def places(value, path=()):
    """Every path to a value inside."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    changed = copy.deepcopy(value)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return changed


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_change_is_read_or_refused(index, data):
    path = data.draw(st.sampled_from(list(places(index))))
    changed = replaced(index, path, data.draw(VALUES))
    with contextlib.suppress(StoreError):
        assert isinstance(Index.parse(changed, "x"), Index)


@pytest.mark.parametrize(
    "key", ["seq", "channel", "channels", "published", "expires", "audit", "entries", "offers", "format"]
)
def test_a_missing_field_is_refused(index, key):
    changed = {name: value for name, value in index.items() if name != key}
    with pytest.raises(StoreError, match="fields of an index"):
        Index.parse(changed, "x")
