import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from nexy_memory import erase

from nexy_core import Degraded, Exchange, Forget, Health, QueryUsage, Stored, StoreUsage, Unavailable, UsageTotals

WRITER = Path(__file__).parent / "crash_writer.py"
USAGE = StoreUsage("A", "s", "cli", "m", 1, 1)


def killed(folder, kills):
    done = subprocess.run(
        [sys.executable, str(WRITER), str(folder), str(kills)], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def assert_nothing_lost(result, kills):
    assert result["kills"] == kills
    assert result["acknowledged"] > kills
    assert (result["lost"], result["torn"], result["damaged"]) == (0, 0, 0)


def test_what_was_acknowledged_survives_kills(tmp_path):
    assert_nothing_lost(killed(tmp_path, 25), 25)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_was_acknowledged_survives_hundreds_of_kills(tmp_path):
    assert_nothing_lost(killed(tmp_path, 300), 300)


# --- a full disk --------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    mounted = mount and umount and os.geteuid() == 0
    if (
        not mounted
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=False).returncode
    ):
        pytest.skip("a full disk needs a small file system: run as root, in a container with CAP_SYS_ADMIN")
    yield folder
    subprocess.run([umount, "-l", str(folder)], check=True)


async def test_a_full_disk_degrades_memory_and_loses_nothing_acknowledged(start, small_disk):
    settings = {"storage__data_dir": str(small_disk), "memory__consent": True, "memory__history_turns": 100}
    acknowledged = []
    async with start(**settings) as server:
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError):
            ballast.write_bytes(b"x" * 600_000)
        with pytest.raises(Degraded) as raised:
            for number in range(200):
                await server.say(f"talk {number}", "y" * 5_000, turn=f"t{number}")
                acknowledged.append(f"t{number}")
        assert raised.value.reason == "disk_full"
        assert acknowledged
        assert server.memory.status().health is Health.DEGRADED
        assert "disk is full" in server.memory.status().reason
        last = await server.recall()  # turns go on, with what process memory holds
        assert last[-1].prompt == f"talk {len(acknowledged)}"
        assert {turn for (turn,) in await server.rows("SELECT turn_id FROM turns")} == set(acknowledged)
        assert server.memory.status().figures["parked"] == 1

        ballast.unlink()
        await until(lambda: server.memory.status().figures["parked"] == 0)
        assert len(await server.rows("SELECT turn_id FROM turns")) == len(acknowledged) + 1
        await server.count(USAGE)
        assert server.memory.status().health is Health.READY


async def until(holds, *, limit_seconds=20):
    async with asyncio.timeout(limit_seconds):
        while not holds():
            await asyncio.sleep(0.02)


async def test_what_cannot_be_parked_is_counted_and_named(start, tmp_path, caplog):
    limits = {"storage__outbox_max": 2, "storage__write_timeout_seconds": 0.05, "memory__consent": True}
    async with start(**limits) as server:
        with locked(tmp_path), caplog.at_level("WARNING", "nexy_memory"):
            for number in range(5):
                with pytest.raises(Degraded):
                    await server.say(f"talk {number}", turn=f"t{number}")
            figures = server.memory.status().figures
            assert (figures["parked"], figures["dropped"]) == (2, 3)
        drops = [record.ctx for record in caplog.records if "dropped" in getattr(record, "ctx", {})]
        assert [drop["reason"] for drop in drops] == ["store_locked"] * 3
        assert "talk" not in caplog.text
        await until(lambda: server.memory.status().figures["parked"] == 0)
        assert await server.rows("SELECT turn_id FROM turns ORDER BY turn_id") == [("t3",), ("t4",)]


# --- a locked database --------------------------------------------------------------------------


@contextlib.contextmanager
def locked(folder):
    other = sqlite3.connect(folder / "nexy.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_a_lock_delays_writes_but_neither_the_loop_nor_reads(start, tmp_path):
    async with start(memory__consent=True) as server:
        await server.say("before")
        with locked(tmp_path):
            writing = asyncio.create_task(server.count(USAGE))
            loop, gaps = asyncio.get_running_loop(), []
            for _ in range(50):
                began = loop.time()
                await asyncio.sleep(0.001)
                gaps.append(loop.time() - began)
            assert await server.recall() == [Exchange("before", "Fine.")]
            assert await server.count(QueryUsage()) == [UsageTotals(0, 0, 0)]
            assert not writing.done()
            assert sorted(gaps)[len(gaps) // 2] < 0.1
        assert await writing == [Stored()]


async def test_a_server_starts_while_another_process_holds_the_lock(start, tmp_path):
    async with start(memory__consent=True) as server:
        await server.say("before")
    with locked(tmp_path):
        async with start(memory__consent=True, storage__write_timeout_seconds=0.1) as server:
            assert await server.recall() == [Exchange("before", "Fine.")]


async def test_a_lock_that_lasts_is_an_error_with_its_name(start, tmp_path):
    async with start(storage__write_timeout_seconds=0.05) as server:
        with locked(tmp_path), pytest.raises(Unavailable) as raised:
            await server.count(USAGE)
        assert raised.value.reason == "store_locked"
        assert await server.count(USAGE) == [Stored()]


async def test_forgetting_while_the_database_is_locked_hides_everything_and_is_made_good(start, tmp_path):
    async with start(memory__consent=True, storage__write_timeout_seconds=0.05) as server:
        await server.say("Remember that my cat is called Bob")
        with locked(tmp_path):
            with pytest.raises(Degraded):
                await server.say("Forget everything")
            assert await server.recall("cat") == []
        await until(lambda: server.memory.status().figures["parked"] == 0)
        assert await server.rows("SELECT count(*) FROM memories") == [(0,)]


async def test_the_queue_is_bounded(start, tmp_path):
    async with start(storage__queue_max=3, storage__write_timeout_seconds=0.5) as server:
        with locked(tmp_path):
            results = await asyncio.gather(*(server.count(USAGE) for _ in range(20)), return_exceptions=True)
        reasons = {error.reason for error in results if isinstance(error, Unavailable)}
        assert "store_busy" in reasons
        assert len(results) == 20


# --- damaged files ------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["garbage", "middle", "empty_header"])
async def test_a_damaged_file_is_moved_aside_named_and_the_server_starts(start, tmp_path, damage):
    async with start(memory__consent=True) as server:
        for number in range(50):
            await server.say(f"talk {number}", "z" * 500, turn=f"t{number}")
    path = tmp_path / "nexy.sqlite"
    data = bytearray(path.read_bytes())
    if damage == "garbage":
        data = bytearray(os.urandom(8_192))
    elif damage == "middle":
        for page in range(2, len(data) // 4_096):
            data[page * 4_096 : page * 4_096 + 64] = b"\xff" * 64
    else:
        data[:100] = bytes(100)
    path.write_bytes(data)
    async with start(memory__consent=True) as server:
        assert ".corrupt-" in server.store.status().reason
        assert await server.count(USAGE) == [Stored()]
    [moved] = tmp_path.glob("nexy.sqlite.corrupt-*[0-9Z]")
    assert moved.read_bytes() == bytes(data)


async def test_an_unreadable_folder_is_a_clear_error(start, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Unavailable):
        async with start(storage__data_dir=str(blocked / "below")):
            pass


async def test_files_are_for_their_owner_only(start, tmp_path):
    async with start(storage__data_dir=str(tmp_path / "new")) as server:
        await server.count(USAGE)
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()} == {0o600}
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


async def test_one_bad_write_does_not_take_its_batch_with_it(start):
    async with start() as server:
        database = server.store._database

        def bad(db):
            db.execute_sql("INSERT INTO usage (day) VALUES (NULL)")

        good = [server.count(USAGE) for _ in range(5)]
        results = await asyncio.gather(*good, database.write(bad), *[server.count(USAGE)], return_exceptions=True)
        assert [result for result in results if result == [Stored()]] == [[Stored()]] * 6
        assert await server.count(QueryUsage()) == [UsageTotals(6, 6, 6)]


async def test_turns_and_counts_written_together_are_each_where_they_belong(start):
    async with start(memory__consent=True) as server:
        await asyncio.gather(
            *(
                server.say(f"talk {number}", device=f"d{number % 7}", session=f"s{number % 3}", turn=f"t{number}")
                for number in range(200)
            ),
            *(server.count(StoreUsage("A", "s", "cli", f"m{number % 3}", number, 1)) for number in range(100)),
            server.say("talk again", device="d0", session="s0", turn="t0"),
        )
        assert await server.rows("SELECT count(*), count(DISTINCT turn_id) FROM turns") == [(200, 200)]
        assert await server.rows("SELECT count(*) FROM users") == [(7,)]
        assert await server.rows("SELECT count(*) FROM sessions") == [(21,)]
        misplaced = "SELECT 1 FROM turns t JOIN sessions s ON t.session_id = s.id WHERE t.user_id <> s.user_id"
        assert await server.rows(misplaced) == []
        sums = "SELECT model, reports, input_tokens FROM usage ORDER BY model"
        assert await server.rows(sums) == [("m0", 34, 1683), ("m1", 33, 1617), ("m2", 33, 1650)]
        for device in ("d1", "d6"):
            said = await server.recall(device=device)
            assert all(int(event.prompt.split()[1]) % 7 == int(device[1]) for event in said)


async def test_what_waits_to_be_written_is_not_written_after_it_was_forgotten(start, tmp_path):
    for order in ("Forget about Valparaiso", "Forget that", "Forget everything"):
        folder = tmp_path / order.replace(" ", "")
        settings = {"storage__data_dir": str(folder), "storage__write_timeout_seconds": 0.05, "memory__consent": True}
        async with start(**settings) as server:
            await server.say("hello", turn="t0")
            with locked(folder), pytest.raises(Degraded):
                await server.say("I live in Valparaiso", turn="t1")
            await server.say(order, turn="t2")
            await until(lambda server=server: server.memory.status().figures["parked"] == 0)
            assert ("t1",) not in await server.rows("SELECT turn_id FROM turns")


async def test_an_erasure_made_good_later_cleans_the_files_too(start, tmp_path, traces):
    async with start(memory__consent=True, storage__write_timeout_seconds=0.05) as server:
        await server.say("Remember that my cat is called Bartholomew")
        with locked(tmp_path), pytest.raises(Degraded):
            await server.say("Forget everything")
        assert traces("Bartholomew")
        await until(lambda: not traces("Bartholomew"))


async def test_what_was_erased_before_a_kill_leaves_the_files_at_the_next_start(start, tmp_path):
    files, left = tmp_path / "files", tmp_path / "left"
    async with start(memory__consent=True, storage__data_dir=str(files)) as server:
        await server.say("Remember that my cat is called Bartholomew")
        work = server.memory._work
        await work._database.write(lambda db: erase.everything(db, work._user(Forget("A")), 0.0))
        shutil.copytree(files, left)  # as a kill leaves them before they are cleaned

    def holding():
        return [path.name for path in left.iterdir() if b"Bartholomew" in path.read_bytes()]

    assert holding()
    async with start(memory__consent=True, storage__data_dir=str(left)):
        assert not holding()


async def test_what_is_under_way_when_it_is_forgotten_is_not_written_after_it(start, tmp_path):
    async with start(memory__consent=True, storage__write_timeout_seconds=0.3) as server:
        await server.say("hello", turn="t0")
        with locked(tmp_path):
            said = asyncio.ensure_future(server.say("I live in Valparaiso", turn="t1"))
            await asyncio.sleep(0)
            forgotten = asyncio.ensure_future(server.say("Forget about Valparaiso", turn="t2"))
            await asyncio.wait([said])
        await asyncio.wait([forgotten])
        await until(lambda: server.memory.status().figures["parked"] == 0)
        assert await server.rows("SELECT turn_id FROM turns") == [("t0",)]


async def test_a_turn_or_an_erasure_is_not_lost_when_nobody_waits_for_it_any_more(start, tmp_path):
    async with start(memory__consent=True, storage__write_timeout_seconds=0.2) as server:
        await server.say("hello", turn="t0", device="B")
        with locked(tmp_path):
            tasks = [
                asyncio.ensure_future(server.say("talk", turn="t1")),
                asyncio.ensure_future(server.say("Forget everything", device="B")),
            ]
            await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await until(lambda: server.memory.status().figures["parked"] == 2)
        await until(lambda: server.memory.status().figures["parked"] == 0)
        assert await server.rows("SELECT turn_id FROM turns") == [("t1",)]
