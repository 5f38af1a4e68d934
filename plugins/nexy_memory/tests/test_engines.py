import asyncio
from pathlib import Path

import pytest
from nexy_memory import engines, models
from nexy_memory.engines import MIGRATIONS
from playhouse.migrations import Runner

from nexy_core import NexyError, QueryUsage, Stored, StoreUsage, Unavailable, UsageTotals

BOTH = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
USAGE = StoreUsage("A", "s", "cli", "m", 1, 1)


@pytest.fixture
def opened(storage, make_settings):
    engine = engines.engine_for(make_settings(**storage).current)
    engine.prepare()
    yield engine
    engine.db.close()
    engine.release()


def columns(db):
    return {
        name: {(column.name, column.null, column.primary_key) for column in db.get_columns(name)}
        for name in db.get_tables()
    }


def indexes(db):
    return {(each.table, tuple(each.columns), each.unique) for name in db.get_tables() for each in db.get_indexes(name)}


@BOTH
def test_the_migrated_schema_is_the_one_of_the_models(opened):
    assert engines.migrate(opened)
    migrated = columns(opened.db), indexes(opened.db)
    runner = Runner(opened.db, str(MIGRATIONS))
    for _ in runner.applied():
        runner.down()
    assert set(opened.db.get_tables()) <= {"schema_migration"}
    for table in models.TABLES:
        table.bind(opened.db)
        try:
            opened.db.create_tables([table])
        finally:
            table.bind(None)
    assert (columns(opened.db), indexes(opened.db)) == migrated


@BOTH
def test_every_step_goes_forward_and_back_with_data_in_the_tables(opened):
    steps = engines.migrate(opened)
    models.User.insert(key="k", created_at=1.0).as_rowcount().execute(opened.db)
    before = columns(opened.db)
    runner = Runner(opened.db, str(MIGRATIONS))
    for _ in steps:
        assert runner.down()
    assert runner.up() == steps
    assert columns(opened.db) == before
    assert engines.migrate(opened) == []


RELEASED = Path(__file__).parent / "schemas"


def schema_text(db):
    rows = db.execute_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'schema_m%'")
    return "\n".join(sorted(f"{sql};" for (sql,) in rows)) + "\n"


@pytest.mark.parametrize("released", sorted(RELEASED.glob("*.sql")), ids=lambda path: path.stem)
def test_a_released_step_still_makes_the_schema_it_was_released_with(opened, released):
    Runner(opened.db, str(MIGRATIONS)).up(released.stem)
    assert schema_text(opened.db) == released.read_text()


def test_every_step_has_its_schema_on_record():
    steps = {path.stem for path in MIGRATIONS.glob("0*.py")}
    assert {path.stem for path in RELEASED.glob("*.sql")} == steps


@pytest.mark.parametrize("released", sorted(path.stem for path in MIGRATIONS.glob("0*.py")))
@BOTH
async def test_a_server_of_today_starts_on_every_released_schema_and_keeps_its_data(opened, start, released):
    Runner(opened.db, str(MIGRATIONS)).up(released)
    insert = (
        "INSERT INTO usage (day, source, model, reports, input_tokens, output_tokens) VALUES (1, 'cli', 'm', 2, 3, 4)"
    )
    opened.db.execute_sql(insert)
    opened.db.close()
    opened.release()
    async with start() as server:
        assert await server.count(QueryUsage()) == [UsageTotals(2, 3, 4)]


@BOTH
def test_a_step_that_fails_leaves_the_schema_as_it_was(opened, tmp_path):
    engines.migrate(opened)
    before = columns(opened.db)
    folder = tmp_path / "steps"
    folder.mkdir()
    (folder / "0002_bad.py").write_text(
        "from peewee import TextField\n"
        "def up(migrator, db):\n"
        "    migrator.migrate(migrator.add_column('users', 'nickname', TextField(null=True)))\n"
        "    raise RuntimeError('half way')\n"
    )
    with pytest.raises(RuntimeError):
        Runner(opened.db, str(folder)).up()
    assert columns(opened.db) == before


@BOTH
async def test_servers_that_start_at_once_migrate_once(start):
    async with start() as one, start() as two, start() as three:
        for server in (one, two, three):
            assert await server.count(USAGE) == [Stored()]
        assert await one.count(QueryUsage()) == [UsageTotals(3, 3, 3)]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_really_at_once(start):
    async def one():
        async with start() as server:
            return await server.count(USAGE)

    assert await asyncio.gather(*(one() for _ in range(4))) == [[Stored()]] * 4


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_cut_connection_is_an_error_once_and_then_made_anew(start, postgres):
    async with start(memory__consent=True) as server:
        await server.say("Remember that I like tea")
        await asyncio.to_thread(
            postgres.psql,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname LIKE 't%'",
        )
        for _ in range(4):  # one per thread at most
            try:
                await server.count(USAGE)
                await server.rows("SELECT 1")
            except Unavailable as error:
                assert error.reason == "store_unreachable"
        assert await server.count(USAGE) == [Stored()]
        assert await server.facts("tea") == ["I like tea"]


async def test_a_server_that_is_not_there_is_a_clear_error(start):
    url = "postgresql://postgres@127.0.0.1:1/nexy"
    with pytest.raises(Unavailable) as raised:
        async with start(storage__url=url, storage__write_timeout_seconds=1.0):
            pass
    assert raised.value.reason == "store_unreachable"
    assert "127.0.0.1" not in raised.value.message


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_vacuum_that_has_to_wait_is_left_to_the_server(start, storage):
    psycopg = pytest.importorskip("psycopg")
    async with start(memory__consent=True, storage__write_timeout_seconds=0.1) as server:
        await server.say("Remember that my cat is called Bob")
        with psycopg.connect(storage["storage__url"]) as other:
            other.execute("LOCK TABLE memories IN SHARE UPDATE EXCLUSIVE MODE")
            await server.say("Forget everything")
            assert not server.memory._work._housekeeping.scrub_due
        assert await server.rows("SELECT count(*) FROM memories") == [(0,)]


@BOTH
async def test_a_read_that_goes_wrong_in_any_way_is_an_error_by_our_name(start):
    async with start() as server:
        with pytest.raises(NexyError) as raised:
            await server.memory._work._database.read(lambda _: {}["absent"])
        assert raised.value.reason == "store_keyerror"
        assert await server.rows("SELECT 1") == [(1,)]
