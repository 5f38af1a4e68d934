"""The capability: the site is up, says what is wrong, and never takes the server down."""

import aiohttp
import pytest
from nexy_updates.plugin import nexy_capabilities, nexy_settings

from nexy_core import FeedQuery, Health, LiveSettings, Settings


def live(tmp_path, **over):
    values = {setting.key: setting.default for setting in nexy_settings()}
    values |= {"update.host": "127.0.0.1", "update.port": 0, "storage.data_dir": str(tmp_path)}
    values |= {"update." + key: value for key, value in over.items()}
    return LiveSettings(Settings("local", values, {}))


@pytest.fixture
async def bare(tmp_path):
    (capability,) = nexy_capabilities(live(tmp_path))
    await capability.initialize()
    yield capability
    await capability.cleanup()


async def test_an_empty_folder_is_a_degraded_site_that_says_so(bare):
    assert bare.status().health is Health.DEGRADED
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
    (capability,) = nexy_capabilities(live(tmp_path))
    await capability.initialize()
    await capability.cleanup()
    await capability.cleanup()
    assert capability.status().health is Health.STOPPED
    assert capability.port == 0
