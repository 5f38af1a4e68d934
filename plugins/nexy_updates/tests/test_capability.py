"""The capability: the site is up, says what is wrong, and never takes the server down."""

import asyncio
import threading
from typing import ClassVar

import aiohttp
import pytest
import uvloop
from nexy_core.testing.contract import PluginContract
from nexy_updates import capability, keeper
from nexy_updates.layout import Layout
from nexy_updates.plugin import nexy_capabilities, nexy_settings

from nexy_core import FeedQuery, Health, LiveSettings, Settings


def live(tmp_path, **over):
    values = {setting.key: setting.default for setting in nexy_settings()}
    values |= {"update.host": "127.0.0.1", "update.port": 0, "storage.data_dir": str(tmp_path)}
    values |= {"update." + key: value for key, value in over.items()}
    return LiveSettings(Settings("local", values, {}))


@pytest.fixture
async def bare(tmp_path):
    (site,) = nexy_capabilities(live(tmp_path))
    await site.initialize()
    yield site
    await site.cleanup()


async def test_a_store_that_nobody_set_up_is_no_trouble_and_its_site_says_what_is_missing(bare):
    assert bare.status().health is Health.READY
    assert "nothing has been published" in bare.status().reason
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{bare.port}") as client,
        client.get("/appcast.xml") as feed,
        client.get("/updates/health") as health,
    ):
        assert feed.status == 503
        assert feed.headers["Retry-After"]
        assert (await health.json())["status"] == "degraded"
        assert health.headers.getall("Cache-Control") == ["max-age=30"]


async def test_a_query_is_answered_with_the_reason(bare):
    assert [state.version async for state in bare.process(FeedQuery())] == [""]


async def test_cleanup_twice_is_harmless_and_stops_the_site(tmp_path):
    (site,) = nexy_capabilities(live(tmp_path))
    await site.initialize()
    await site.cleanup()
    await site.cleanup()
    assert site.status().health is Health.STOPPED
    assert site.port == 0


def test_downloads_work_under_uvloop(world):
    """Which has no sendfile of its own, so this path must not depend on the loop's."""
    content = bytes(range(256)) * 40_000
    release = world.publish("1.0", content=content)

    async def fetch():
        async with world.serving() as site:
            whole = await site.get(release.artifact.path)
            part = await site.get(release.artifact.path, Range="bytes=1000000-1000009")
            return whole[1], part[0].status, part[1]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(fetch()) == (content, 206, content[1_000_000:1_000_010])


async def test_a_folder_that_hangs_is_said_and_holds_up_nothing(world, monkeypatch):
    world.publish("1.0")
    async with world.serving() as site:
        answer = threading.Event()
        real = Layout.read_pointer

        def hang(layout):
            answer.wait(20)
            return real(layout)

        monkeypatch.setattr(Layout, "read_pointer", hang)
        monkeypatch.setattr(keeper, "HANG_SECONDS", 0.05)
        async with asyncio.timeout(10):
            while "does not answer" not in site.capability.status().reason:
                await asyncio.sleep(0.01)
            assert await site.offered() == "1.0"
            answer.set()
            while site.capability.status().health is not Health.READY:
                await asyncio.sleep(0.01)


async def test_a_start_does_not_wait_for_a_folder_that_hangs(world, monkeypatch):
    world.publish("1.0")
    answer = threading.Event()
    real = Layout.read_pointer
    monkeypatch.setattr(capability, "FIRST_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(Layout, "read_pointer", lambda layout: (answer.wait(20), real(layout))[1])
    async with asyncio.timeout(10), world.serving() as site:
        assert (await site.get("/appcast.xml"))[0].status == 503
        answer.set()
        while await site.offered() != "1.0":
            pass


async def test_a_watch_that_ends_is_a_failure_that_shows(world, monkeypatch, caplog):
    world.publish("1.0")
    async with world.serving() as site:

        def broken(_):
            raise RuntimeError("a bug")

        monkeypatch.setattr(Layout, "read_pointer", broken)
        async with asyncio.timeout(10):
            while site.capability.status().health is not Health.FAILED:
                await asyncio.sleep(0.01)
        assert await site.offered() == "1.0"
    assert "RuntimeError: a bug" in caplog.text


async def test_the_scrub_runs_by_itself(world, monkeypatch):
    release = world.publish("1.0")
    path = world.layout.object(release.artifact.sha256)
    path.chmod(0o644)
    path.write_bytes(b"x" * release.artifact.size_bytes)
    async with asyncio.timeout(10), world.serving() as site:
        while "not the published" not in site.capability.status().reason:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("key", "value", "good"),
    [
        ("update.public_keys", [], True),
        ("update.public_keys", ["A" * 43 + "="], True),
        ("update.public_keys", ["A" * 44], False),
        ("update.public_keys", ["?"], False),
        ("update.channels", ["stable"], True),
        ("update.channels", [], False),
        ("update.channels", ["a b"], False),
        ("update.rollout_stages", ["0.5", "100"], True),
        ("update.rollout_stages", ["most"], False),
        ("update.rollout_stages", [], False),
    ],
)
def test_settings_are_checked_at_the_start(key, value, good):
    (setting,) = [setting for setting in nexy_settings() if setting.key == key]
    assert (setting.check(value) == "") is good


class TestContract(PluginContract):
    """The rules for every plugin."""

    plugin = "updates"
    settings: ClassVar = {"update.port": "0"}
