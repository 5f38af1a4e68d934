import asyncio
import contextlib
import json
import sqlite3

import pytest
from click.testing import CliRunner
from nexy_memory.cli import memory

from nexy_core import ConfigError


@pytest.fixture
def nexy(tmp_path, make_settings):
    settings = make_settings(
        storage__data_dir=str(tmp_path / "data"),
        storage__write_timeout_seconds=0.5,
        memory__semantic="off",
        memory__consent=True,
    )

    def nexy(*words, **more):
        return CliRunner().invoke(memory, words, obj=lambda: settings, catch_exceptions=False, **more)

    return nexy


@pytest.fixture
def filled(tmp_path, start):
    async def fill():
        async with start(storage__data_dir=str(tmp_path / "data"), memory__consent=True) as server:
            await server.say("Remember that my cat is called Bartholomew")
            await server.say("hello", "hi", device="B")

    asyncio.run(fill())


def on_disk(folder, needle):
    return [path.name for path in folder.iterdir() if needle.encode() in path.read_bytes()]


@pytest.mark.usefixtures("filled")
def test_list_stats_and_forget(nexy, tmp_path):
    lines = nexy("list").output.splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == [
        "consent=default  memories=1  turns=1",
        "consent=default  memories=0  turns=1",
    ]
    assert nexy("list", "--hardware-id", "A").output == "fact       my cat is called Bartholomew\n"
    assert nexy("list", "--user", lines[0].split()[0]).output == "fact       my cat is called Bartholomew\n"
    assert "memories             1" in nexy("stats").output
    assert on_disk(tmp_path / "data", "Bartholomew")
    assert "Erase?" in nexy("forget", "--hardware-id", "A", input="n\n").output
    assert on_disk(tmp_path / "data", "Bartholomew")
    assert nexy("forget", "--hardware-id", "A", "--yes").output.startswith("2 memories and turns erased")
    assert not on_disk(tmp_path / "data", "Bartholomew")
    assert nexy("forget", "--yes").exit_code == 2


@pytest.mark.usefixtures("filled")
def test_forget_says_when_the_bytes_are_still_there(nexy, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "nexy.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM memories").fetchone()
        result = nexy("forget", "--hardware-id", "A", "--yes")
        assert (result.exit_code, result.stdout.split(" and")[0]) == (1, "2 memories")
        assert "run this again" in result.stderr
        assert on_disk(tmp_path / "data", "Bartholomew")
        reader.execute("ROLLBACK")
        assert nexy("forget", "--hardware-id", "A", "--yes").exit_code == 0
        assert not on_disk(tmp_path / "data", "Bartholomew")


@pytest.mark.usefixtures("filled")
def test_export_and_import_round_trip_but_no_secrets(nexy, tmp_path):
    out = tmp_path / "out.json"
    nexy("export", "--hardware-id", "A", "--out", str(out))
    data = json.loads(out.read_text())
    assert data["memories"] == [{"text": "my cat is called Bartholomew", "kind": "fact"}]
    assert out.stat().st_mode & 0o777 == 0o600
    data["memories"].append({"text": "my password is swordfish", "kind": "fact"})
    data["turns"][0]["turn_id"] = "another"
    out.write_text(json.dumps(data))
    assert nexy("import", str(out), "--hardware-id", "C").output == "2 memories and turns taken in\n"
    assert json.loads(nexy("export", "--hardware-id", "C").output)["memories"] == data["memories"][:1]


@pytest.mark.usefixtures("filled")
def test_a_user_who_changes_devices_takes_the_turns_along(nexy, tmp_path):
    out = tmp_path / "out.json"
    nexy("export", "--hardware-id", "A", "--out", str(out))
    for _ in range(2):  # the second time changes nothing
        assert nexy("import", str(out), "--hardware-id", "C").output == "2 memories and turns taken in\n"
    before, after = (json.loads(nexy("export", "--hardware-id", device).output)["turns"] for device in "AC")
    assert [turn["prompt"] for turn in after] == [turn["prompt"] for turn in before] != []


def test_an_export_holds_what_was_superseded_and_when_something_was_erased(nexy, tmp_path, start):
    async def talk():
        async with start(storage__data_dir=str(tmp_path / "data"), memory__consent=True) as server:
            await server.say("Remember that I like tea")
            await server.say("Forget that")
            await server.say("Remember that I live in Paris")
            await server.say("Remember that I moved to Riga")

    asyncio.run(talk())
    data = json.loads(nexy("export", "--hardware-id", "A").output)
    assert [each["text"] for each in data["memories"]] == ["I moved to Riga"]
    assert data["superseded"] == ["I live in Paris"]
    assert [(line["scope"], line["memories"], line["turns"]) for line in data["erasures"]] == [("last", 1, 1)]
    assert "tea" not in str(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 1}',
        '{"format": 1, "memories": [1], "turns": [], "consent": null}',
        '{"format": 1, "memories": [{"text": "x", "kind": "order"}], "turns": [], "consent": null}',
        *(
            f'{{"format": 1, "memories": [], "consent": null, "turns": [{{"prompt": "", "answer": "", "cut": false, '
            f'"session_id": "", "turn_id": "", "generation": {generation}, "at": {at}}}]}}'
            for generation, at in ((10**30, 1), (-1, 1), (1, "NaN"), (1, "1e999"), ("Infinity", 1), ("[]", 1))
        ),
    ],
)
@pytest.mark.usefixtures("filled")
def test_a_bad_export_is_refused(nexy, tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ConfigError):
        nexy("import", str(path), "--hardware-id", "A")


@pytest.mark.usefixtures("filled")
def test_backup_and_restore_bring_back_what_was_forgotten_by_mistake(nexy, tmp_path):
    target = tmp_path / "copy"
    nexy("backup", str(target))
    assert {path.stat().st_mode & 0o777 for path in (target, tmp_path / "copy.key")} == {0o600}
    nexy("forget", "--hardware-id", "A", "--yes")
    (tmp_path / "data" / "nexy.key").unlink()
    assert "the old database is" in nexy("restore", str(target)).output
    assert nexy("list", "--hardware-id", "A").output == "fact       my cat is called Bartholomew\n"
    with sqlite3.connect(tmp_path / "data" / "nexy.sqlite") as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    with pytest.raises(ConfigError, match="exists"):
        nexy("backup", str(target))


@pytest.mark.usefixtures("filled")
def test_restore_refuses_a_running_server_and_a_broken_backup(nexy, tmp_path, start):
    target = tmp_path / "copy"
    nexy("backup", str(target))
    (tmp_path / "torn").write_bytes(target.read_bytes()[:5_000])
    with pytest.raises(ConfigError, match="not a whole backup"):
        nexy("restore", str(tmp_path / "torn"))

    async def while_running():
        async with start(storage__data_dir=str(tmp_path / "data")) as server:
            with pytest.raises(ConfigError, match="stop the server"):
                nexy("restore", str(target))
            assert await server.rows("SELECT count(*) FROM memories") == [(1,)]

    asyncio.run(while_running())


def test_backup_of_a_database_under_way_is_whole(nexy, tmp_path, start):
    async def busy():
        async with start(storage__data_dir=str(tmp_path / "data"), memory__consent=True) as server:
            talk = [asyncio.create_task(server.say(f"talk {number}", turn=f"t{number}")) for number in range(200)]
            await talk[0]
            output = await asyncio.to_thread(nexy, "backup", str(tmp_path / "copy"))
            assert "bytes written" in output.output
            await asyncio.gather(*talk)

    asyncio.run(busy())
    (tmp_path / "data" / "nexy.sqlite").unlink()
    assert "restored" in nexy("restore", str(tmp_path / "copy")).output
    assert "consent=default" in nexy("list").output


def test_postgresql_is_backed_up_by_its_own_tools(tmp_path, make_settings):
    settings = make_settings(storage__url="postgresql://nowhere/x")
    with pytest.raises(ConfigError, match="pg_dump"):
        CliRunner().invoke(memory, ["backup", str(tmp_path / "x")], obj=lambda: settings, catch_exceptions=False)
