"""The shipped plugins that need no model file, loaded and unloaded a hundred times: nothing is left."""

import asyncio
import gc
import threading

import psutil
import pytest
from nexy_core.config import Config
from nexy_core.decisions import DecisionLog
from nexy_core.host import Host

NAMES = ("memory", "filter", "interrupt", "updates")
CYCLES = 100
SPARE_HANDLES = 2
SPARE_BYTES = 16 * 2**20
TOML = """
[default]
plugins.llm.enabled = false
plugins.tts.enabled = false
plugins.required = []
filter.speech = "plain"
memory.semantic = "off"
update.port = 0
"""


def census():
    gc.collect()
    process = psutil.Process()
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "children": len(process.children()),
        "objects": sum(str(type(thing).__module__).startswith("nexy_") for thing in gc.get_objects()),
    }, (process.num_fds(), process.memory_info().rss)


async def at_rest(tasks):
    """Until no more than so many tasks are left: the last reload's own may still be ending."""
    async with asyncio.timeout(30):
        while len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.01)


async def switch(host, folder, *, on):
    state = "serving" if on else "disabled"
    lines = [f"plugins.{name}.enabled = {str(on).lower()}" for name in NAMES]
    (folder / "settings.toml").write_text("\n".join([TOML, f'storage.data_dir = "{folder / "data"}"', *lines]))
    host.config.reload()
    async with asyncio.timeout(30):
        while {plugin.state for plugin in host.states() if plugin.name in NAMES} != {state}:
            await asyncio.sleep(0.002)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_hundred_cycles_of_the_shipped_plugins_leave_nothing(tmp_path):
    folder = tmp_path / "settings"
    folder.mkdir()
    (folder / "settings.toml").write_text(TOML + f'storage.data_dir = "{folder / "data"}"')
    config = Config.load(folder, {})
    log = DecisionLog.quiet(config.live)
    host = Host(config, log)
    host.load()
    await host.start()

    async def cycle():
        await switch(host, folder, on=False)
        await switch(host, folder, on=True)

    for _ in range(10):
        await cycle()
    before, (handles, size) = census()
    for _ in range(CYCLES):
        await cycle()
    await at_rest(before["tasks"])
    after, (handles_after, size_after) = census()
    await host.stop(5)
    log.close(1)
    assert all(after[what] <= before[what] for what in before), (before, after)
    assert handles_after <= handles + SPARE_HANDLES
    assert size_after < size + SPARE_BYTES
