"""What the documents say of settings, commands and files is so."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from nexy_core.core_settings import core_settings, dynamic_setting
from nexy_core.plugins.reasons import Phase
from nexy_core.sessions import StopReason

from nexy_core import Health

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
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


def catalogue(*axes):
    """The values that the state catalogue lists for these axes."""
    rows = re.findall(
        r"^\| (\w[\w ]*) \| ([^|]*) \|",
        (ROOT / "docs" / "state-catalogue.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {value for axis, values in rows if axis in axes for value in re.findall(r"`(\w+)`", values)}


@pytest.mark.parametrize(
    ("axes", "values"), [(["plugin"], Phase), (["capability"], Health), (["stream", "turn"], StopReason)]
)
def test_the_state_catalogue_lists_exactly_the_values_there_are(axes, values):
    assert catalogue(*axes) == {value.value for value in values}
