import contextlib

import attrs
import pytest
from nexy_memory import options, plugin

from nexy_core import Fact, LiveSettings, Recall, Remember, Settings

CORE = {"storage.data_dir": "data", "session.ttl_seconds": 3600}


def settings_of(**values):
    defaults = CORE | {setting.key: setting.default for setting in options.declared()}
    chosen = {key.replace("__", "."): value for key, value in values.items()}
    assert not set(chosen) - set(defaults)
    return LiveSettings(Settings("local", defaults | chosen, {}))


@attrs.define
class Running:
    settings: object
    memory: object
    store: object

    async def ask(self, request):
        return [event async for event in self.memory.process(request)]

    async def count(self, request):
        return [event async for event in self.store.process(request)]

    async def recall(self, text="", device="A", session="s1"):
        return await self.ask(Recall(device, session, text))

    async def facts(self, text, **where):
        return [
            event.text for event in await self.recall(text, **where) if isinstance(event, Fact) and event.kind == "fact"
        ]

    async def rows(self, sql):
        return await self.store._database.read(lambda db: db.execute_sql(sql).fetchall())

    async def say(self, prompt, answer="Fine.", *, device="A", session="s1", turn=None, generation=1, cut=False):
        turn = turn or f"{device}-{session}-{prompt}"
        await self.ask(Remember(device, session, turn, generation, prompt, answer, cut))


@contextlib.asynccontextmanager
async def running(**values):
    settings = settings_of(**values)
    memory, store = plugin.nexy_capabilities(settings)
    try:
        await memory.initialize()
        await store.initialize()
        yield Running(settings, memory, store)
    finally:
        await memory.cleanup()
        await store.cleanup()


@pytest.fixture
def start(tmp_path):
    def start(**values):
        return running(
            **{"storage__data_dir": str(tmp_path), "memory__semantic": "off", "memory__recall_timeout_ms": 20_000}
            | values
        )

    return start


@pytest.fixture
def make_settings():
    return settings_of
