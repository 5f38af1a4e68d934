"""A complete plugin project, written from the templates beside this file."""

import importlib.metadata
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template

import attrs
from packaging.version import Version

from nexy_core.errors import ConfigError

ROLES = ("llm", "tts", "memory", "filter", "interrupt")
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
    "filter": "A text filter",
    "interrupt": "An interrupt policy",
}
FILES: Mapping[str, str] = {
    "pyproject.toml": "pyproject.toml.tmpl",
    "README.md": "README.md.tmpl",
    "CHANGELOG.md": "CHANGELOG.md.tmpl",
    "src/$package/__init__.py": "init.py.tmpl",
    "src/$package/plugin.py": "roles/$role.py.tmpl",
    "tests/test_plugin.py": "test_plugin.py.tmpl",
}
MIT_TEXT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions
of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED
TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL
THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE.
"""
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
            "core_minimum": f"{core.major}.{core.minor}",
            "core_below": below,
        }


def write_project(project: Project, parent: Path) -> Path:
    """Write the project into a new folder of ``parent`` and return it. Raises ``ConfigError``."""
    if not _NAME.fullmatch(project.distribution):
        raise ConfigError(f"{project.distribution!r} is no project name: use lower-case words, as in my-voice")
    folder = parent / project.distribution
    if folder.exists():
        raise ConfigError(f"{folder} is there already: choose another name, or remove it")
    fields = project.fields()
    templates = resources.files(__package__) / "templates"
    for target, source in FILES.items():
        path = folder / Template(target).substitute(fields)
        path.parent.mkdir(parents=True, exist_ok=True)
        template = templates.joinpath(*Template(source).substitute(fields).split("/"))
        path.write_text(Template(template.read_text(encoding="utf-8")).substitute(fields), encoding="utf-8")
    (folder / "LICENSE").write_text(_license_text(project), encoding="utf-8")
    (folder / "src" / fields["package"] / "py.typed").touch()
    return folder


def _license_text(project: Project) -> str:
    holder = f"Copyright (c) the authors of {project.distribution}\n\n"
    if project.license == "mit":
        return "MIT License\n\n" + holder + MIT_TEXT
    if project.license == "apache":
        for file in importlib.metadata.files("nexy-core") or ():
            if file.name == "LICENSE":
                return file.read_text()
    return holder + f"SPDX-License-Identifier: {LICENSES[project.license]}\n\nPut the licence's text here.\n"
