"""What the documents say of settings, commands and files is so."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from nexy_core.core_settings import core_settings, dynamic_setting
from nexy_core.http.status import ServerState
from nexy_core.plugins.reasons import Phase
from nexy_core.sessions import StopReason

from nexy_core import Health

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
KEEPS = re.compile(r"factory=OrderedDict|= OrderedDict\(")
KEY = re.compile(r"`([a-z]+(?:\.[a-z_]+)+)`|`([a-z]+(?:\.[a-z_]+)+) = ")


@pytest.fixture(scope="module")
def declared():
    """Every key there is: the core's and the installed plugins'."""
    settings = list(core_settings())
    for point in metadata.entry_points(group="nexy.plugins"):
        settings += getattr(point.load(), "nexy_settings", list)()
    return {setting.key for setting in settings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_that_is_named_exists(page, declared):
    tables = {key.split(".")[0] for key in declared}
    named = {first or second for first, second in KEY.findall(page.read_text(encoding="utf-8"))}
    unknown = {key for key in named - declared if key.split(".")[0] in tables and not dynamic_setting(key)}
    assert not {key for key in unknown if not any(known.startswith(f"{key}.") for known in declared)}


HEADER = ["axis", "owner", "held by", "values", "written by", "read by", "ends"]
SOURCES = [ROOT / "nexy_core" / "src", *sorted((ROOT / "plugins").glob("*/src"))]


def rows():
    """The state catalogue: each axis with what its columns say."""
    text = (ROOT / "docs" / "state-catalogue.md").read_text(encoding="utf-8")
    table = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:2] == "| "]
    assert table[0] == HEADER
    assert len({axis for axis, *_ in table}) == len(table)
    return {axis: dict(zip(HEADER[1:], cells, strict=True)) for axis, *cells in table[2:]}


def catalogue(*axes):
    """The values that the state catalogue lists for these axes."""
    return {value for axis in axes for value in re.findall(r"`(\w+)`", rows()[axis]["values"])}


@pytest.mark.parametrize(
    ("axes", "values"),
    [(["server"], ServerState), (["plugin"], Phase), (["capability"], Health), (["stream", "turn"], StopReason)],
)
def test_the_state_catalogue_lists_exactly_the_values_there_are(axes, values):
    assert catalogue(*axes) == {value.value for value in values}


def test_each_axis_of_state_has_an_owner_and_a_module_that_holds_it():
    owners = set(re.findall(r"@[\w-]+", (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8")))
    for axis, said in rows().items():
        assert all(said.values()), axis
        assert said["owner"] in owners, axis
        assert [name for name in held_by(said) if not any((source / name).exists() for source in SOURCES)] == [], axis


def held_by(said):
    return re.findall(r"`([^`]+)`", said["held by"])


def test_every_module_that_keeps_things_between_calls_is_in_the_catalogue():
    """An ordered map in this code is a memory with a cap; a queue in a thread's service is one too."""
    listed = {name for said in rows().values() for name in held_by(said)}
    files = [(path, path.relative_to(source).as_posix()) for source in SOURCES for path in source.rglob("*.py")]
    keeping = {name for path, name in files if KEEPS.search(path.read_text(encoding="utf-8"))}
    assert keeping
    assert keeping - listed == set()
