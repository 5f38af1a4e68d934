"""A store of the tests' own, an operator who changes it, and a site that serves it."""

import hashlib
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import attrs
import pytest
from click.testing import CliRunner
from nexy_updates import operator as op
from nexy_updates.capability import UpdateSite
from nexy_updates.commands import updates
from nexy_updates.drafts import make_draft
from nexy_updates.keys import SigningKey
from nexy_updates.layout import Layout
from nexy_updates.plugin import nexy_settings
from nexy_updates.rollout import basis_points

from nexy_core import LiveSettings, Settings

NS = "{http://www.andymatuschak.org/xml-namespaces/sparkle}"


@attrs.define
class World:
    """One operator's machine."""

    tmp: Path
    key: SigningKey = attrs.field(factory=SigningKey.generate)
    settings: LiveSettings = attrs.field(init=False)

    def __attrs_post_init__(self):
        values = {setting.key: setting.default for setting in nexy_settings()}
        values |= {"update.host": "127.0.0.1", "update.port": 0, "storage.data_dir": str(self.tmp / "data")}
        values |= {"update.public_keys": [self.key.public.text], "update.poll_seconds": 0.05}
        values |= {"update.key_file": str(self.key_file), "update.max_requests_per_minute": 0}
        self.settings = LiveSettings(Settings("local", values, {}))
        self.key.write(self.key_file)

    @property
    def key_file(self):
        return self.tmp / "signing.key"

    @property
    def layout(self):
        return Layout(self.tmp / "data" / "updates")

    def set(self, **over):
        values = dict(self.settings.current.values) | {f"update.{key}": value for key, value in over.items()}
        self.settings.current = Settings("local", values, {})

    @property
    def publisher(self):
        return op.publisher_of(self.settings, [])

    def artifact(self, version, content=None, suffix=".dmg"):
        path = self.tmp / f"Nexy-{version}{suffix}"
        path.write_bytes(content if content is not None else f"the application {version}".encode() * 100)
        return path

    def publish(self, version, rollout="100", *, channel=None, content=None, suffix=".dmg", deltas=(), **details):
        channels = op.channels(self.settings)
        fields = {"short_version": version, **details}
        file = self.artifact(version, content, suffix)
        draft = make_draft(file, version, channel, channels, basis_points(rollout), deltas, fields)
        return self.publisher.publish(draft)[0]

    def run(self, *arguments, stdin=None):
        """``nexy updates …``; a mistake ends in the error's text, as in the real command."""
        return CliRunner().invoke(updates, [str(a) for a in arguments], obj=lambda: self.settings, input=stdin)

    @asynccontextmanager
    async def serving(self):
        capability = UpdateSite(self.settings)
        await capability.initialize()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{capability.port}", auto_decompress=False) as client:
                yield Served(capability, client)
        finally:
            await capability.cleanup()


@attrs.define
class Served:
    capability: UpdateSite
    client: aiohttp.ClientSession

    async def get(self, path, **headers):
        async with self.client.get(path, headers=headers, allow_redirects=False) as response:
            return response, await response.read()

    async def offered(self, query=""):
        """The version that the manifest offers, or None."""
        response, body = await self.get(f"/manifest.json{query}")
        return json.loads(body)["build"] if response.status == 200 else None

    async def refresh(self):
        await self.capability._keeper.refresh()
        return self.capability.status()


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def sha256():
    return lambda data: hashlib.sha256(data).hexdigest()


@pytest.fixture
def nexy():
    """The installed command."""
    return str(Path(sys.executable).with_name("nexy"))


@pytest.fixture(scope="session")
def world_type():
    """For tests that share one world."""
    return World
