"""A complete plugin project, written from the templates beside this file."""

import importlib.metadata
import keyword
import re
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template

import attrs
from packaging.version import Version

from nexy_core import ConfigError

LICENSES: Mapping[str, str] = {
    "apache": "Apache-2.0",
    "mit": "MIT",
    "gpl": "GPL-3.0-or-later",
    "proprietary": "LicenseRef-Proprietary",
}
TITLES: Mapping[str, str] = {
    "llm": "A language model",
    "tts": "A voice",
    "memory": "A memory",
    "store": "A store",
    "filter": "A text filter",
    "interrupt": "An interrupt policy",
    "updates": "An update feed",
}
ROLES = tuple(TITLES)
REQUIRES: Mapping[str, tuple[str, ...]] = {"updates": ("aiohttp>=3.12",)}
FILES: Mapping[str, str] = {
    "pyproject.toml": "pyproject.toml.tmpl",
    "README.md": "README.md.tmpl",
    "CHANGELOG.md": "CHANGELOG.md.tmpl",
    "src/$package/__init__.py": "init.py.tmpl",
    "src/$package/plugin.py": "roles/$role.py.tmpl",
    "tests/test_plugin.py": "tests/$role.py.tmpl",
    "LICENSE": "licenses/$licence_name.txt",
}
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@attrs.frozen
class Project:
    """What the templates need."""

    distribution: str
    role: str
    license: str

    @property
    def name(self) -> str:
        """The entry point's name, which is the plugin's in the settings."""
        return self.distribution.removeprefix("nexy-").replace("-", "_")

    def fields(self) -> dict[str, str]:
        """The templates' values."""
        more = REQUIRES.get(self.role, ())
        core = Version(importlib.metadata.version("nexy-core"))
        below = f"{core.major}.{core.minor + 1}" if core.major == 0 else f"{core.major + 1}"
        return {
            "distribution": self.distribution,
            "name": self.name,
            "package": self.distribution.replace("-", "_"),
            "class_name": "".join(word.title() for word in self.distribution.split("-")),
            "title": TITLES[self.role],
            "role": self.role,
            "license": LICENSES[self.license],
            "licence_name": self.license,
            "requires": ", ".join(f'"{one}"' for one in (f"nexy-core>={core.major}.{core.minor},<{below}", *more)),
        }


def write_project(project: Project, parent: Path) -> Path:
    """Write the project into a new folder of ``parent`` and return it. Raises ``ConfigError``."""
    if not _NAME.fullmatch(project.distribution):
        raise ConfigError(f"{project.distribution!r} is no project name: use lower-case words, as in my-voice")
    fields = project.fields()
    if keyword.iskeyword(fields["package"]) or fields["package"] in sys.stdlib_module_names:
        raise ConfigError(f"Python itself has a {fields['package']!r}: choose another name, as in my-voice")
    folder = parent / project.distribution
    if folder.exists():
        raise ConfigError(f"{folder} is there already: choose another name, or remove it")
    templates = resources.files(__package__) / "templates"
    for target, source in FILES.items():
        path = folder / Template(target).substitute(fields)
        path.parent.mkdir(parents=True, exist_ok=True)
        template = templates.joinpath(*Template(source).substitute(fields).split("/"))
        path.write_text(Template(template.read_text(encoding="utf-8")).substitute(fields), encoding="utf-8")
    (folder / "src" / fields["package"] / "py.typed").touch()
    return folder
