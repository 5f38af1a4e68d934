"""A host over settings of the test's own, and plugins made in the test."""

import sys
import types

import pytest
from nexy_core.config import Config
from nexy_core.decisions import Decision
from nexy_core.host import Host
from nexy_core.testing.fake_plugins import modules

OFF = ("llm", "tts", "memory", "filter", "interrupt", "updates")


class Lines:
    """A decision log that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def write(self, decision, *, scope, method="-", level="INFO", dur_ms=0, **ctx):
        self.lines.append((Decision(decision), ctx))

    def of(self, decision):
        return [ctx for kind, ctx in self.lines if kind is decision]


@pytest.fixture
def log():
    return Lines()


@pytest.fixture
def make_module():
    """Register a module made of the given names; it is gone after the test."""
    made = []

    def make(name, **members):
        module = types.ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module
        made.append(name)
        return name

    yield make
    for name in made:
        del sys.modules[name]


@pytest.fixture
def settings_file(tmp_path):
    folder = tmp_path / "settings"
    folder.mkdir()
    return folder / "settings.toml"


@pytest.fixture
async def make_host(settings_file, log):
    """A started host whose only plugins are the ones given as ``plugins.modules`` entries."""
    hosts = []

    async def make(*entries, fakes=(), toml="", start=True):
        named = [*entries, *(modules(*fakes) if fakes else ())]
        taken = {entry.partition("=")[0] for entry in named}
        off = [name for name in OFF if name not in taken]
        lines = ["[default]", *(f"plugins.{name}.enabled = false" for name in off)]
        lines.append(f"plugins.modules = {named!r}".replace("'", '"'))
        settings_file.write_text("\n".join([*lines, toml]))
        config = Config.load(settings_file.parent, {})
        host = Host(config, log)
        host.load()
        hosts.append(host)
        if start:
            await host.start()
        return host

    yield make
    for host in hosts:
        await host.stop(2)
