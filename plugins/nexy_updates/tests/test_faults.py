"""Crashes, damage, replays, wrong clocks and missing parts: what was served stays served, and the reason is said."""

import asyncio
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from nexy_updates import audit, keeper, transaction
from nexy_updates.errors import StoreError
from nexy_updates.layout import Layout
from nexy_updates.snapshot import Seen, load

from nexy_core import Health

# Publishes from another process that kills itself (SIGKILL) before its Nth change to the file system.
DYING_PUBLISHER = textwrap.dedent("""
    import os, shutil, signal, sys
    from pathlib import Path
    import nexy_updates.transaction, nexy_updates.objects, nexy_updates.audit
    limit, steps = int(sys.argv[1]), 0

    def dying(call):
        def run(*args, **kwargs):
            global steps
            steps += 1
            if steps == limit:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)
        return run

    for name in ("fsync", "replace", "rename", "mkdir", "unlink", "chmod", "ftruncate"):
        setattr(os, name, dying(getattr(os, name)))
    shutil.rmtree = dying(shutil.rmtree)
    Path.replace, Path.rename, Path.mkdir = dying(Path.replace), dying(Path.rename), dying(Path.mkdir)
    Path.unlink, Path.chmod = dying(Path.unlink), dying(Path.chmod)

    from nexy_core import LiveSettings, Settings
    from nexy_updates import operator as op
    from nexy_updates.drafts import make_draft
    import json
    settings = LiveSettings(Settings("local", json.loads(sys.argv[2]), {}))
    publisher = op.publisher_of(settings, [])
    draft = make_draft(Path(sys.argv[3]), "2.0", None, ["stable", "beta"], 10_000, [], {"short_version": "2.0"})
    publisher.publish(draft)
    print(steps)
""")


def die_at(world, step, file):
    values = json.dumps(dict(world.settings.current.values))
    command = [sys.executable, "-c", DYING_PUBLISHER, str(step), values, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def check_killed_publications(world, steps):
    """After a death at any step the old release is served; then one rerun publishes the new one."""
    world.publish("1.0")
    file = world.artifact("2.0")
    store, clean = world.layout.root, world.tmp / "clean"
    shutil.copytree(store, clean)
    total = int(die_at(world, 0, file).stdout)
    assert total > 20
    outcomes = set()
    for step in steps(total):
        shutil.rmtree(store)
        shutil.copytree(clean, store)
        assert die_at(world, step, file).returncode == -9
        seen = load(world.layout, [world.key.public], Seen(1, load(Layout(clean), [world.key.public], Seen()).digest))
        outcomes.add(newest(seen))
        assert world.run("publish", file, "--version", "2.0", "--rollout", "100").exit_code == 0
        assert newest(load(world.layout, [world.key.public], Seen())) == "2.0"
        result = world.run("verify")
        assert result.exit_code == 0, (step, result.exception)
        assert list(world.layout.objects.glob(".*")) == list(world.layout.generations.glob(".*")) == []
    return outcomes


def newest(snapshot):
    return snapshot.channels["stable"][0].offer.version


def test_killed_at_some_steps(world):
    assert "1.0" in check_killed_publications(world, lambda total: range(1, total, 8))


@pytest.mark.long
def test_killed_at_every_step(world):
    assert check_killed_publications(world, lambda total: range(1, total + 1)) == {"1.0", "2.0"}


def test_an_event_whose_state_never_came_is_followed_by_one_that_says_so(world, monkeypatch):
    world.publish("1.0")

    def no_pointer(path, *_, **__):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "replace_synced", no_pointer)
        with pytest.raises(StoreError, match="Input/output"):
            world.publish("2.0")
    world.publish("2.0")
    events = [line.fields for line in audit.read_chain(world.layout.audit)]
    assert [(event["event"], event["seq"]) for event in events] == [
        ("publish", 1), ("publish", 2), ("abandoned", 1), ("publish", 2)
    ]  # fmt: skip


def test_a_torn_last_line_of_the_audit_is_dropped(world):
    world.publish("1.0")
    with world.layout.audit.open("ab") as file:
        file.write(b'{"prev": "torn')
    world.publish("2.0")
    assert [line.fields["event"] for line in audit.read_chain(world.layout.audit)] == ["publish", "publish"]
    assert world.run("verify").exit_code == 0


def test_concurrent_publications_all_arrive_in_one_chain(world):
    """Six operators at once: every state has its number, none is lost."""
    world.publish("1.0")
    values = json.dumps(dict(world.settings.current.values))
    code = (
        "import json, sys; from click.testing import CliRunner; from nexy_core import LiveSettings, Settings;"
        "from nexy_updates.commands import updates;"
        "settings = LiveSettings(Settings('local', json.loads(sys.argv[1]), {}));"
        "sys.exit(CliRunner().invoke(updates, sys.argv[2:], obj=lambda: settings).exit_code)"
    )
    command = [sys.executable, "-c", code, values, "rollout", "1.0"]
    running = [subprocess.Popen([*command, str(percent)]) for percent in range(1, 7)]
    assert [process.wait(60) for process in running] == [0] * 6
    assert load(world.layout, [world.key.public], Seen()).seq == 7
    assert world.run("verify").exit_code == 0


def test_a_second_command_waits_and_then_says_why_it_cannot(world):
    world.publish("1.0")
    with (
        transaction.locked(world.layout),
        pytest.raises(StoreError, match="another command"),
        transaction.locked(world.layout, wait_seconds=0.1),
    ):
        pass


@pytest.mark.parametrize("where", ["object", "release", "generation", "audit", "pointer"])
def test_a_full_disk_leaves_the_old_release_and_says_so(world, monkeypatch, where):
    world.publish("1.0")
    before = sorted(path.name for path in world.layout.objects.iterdir())
    real = os.fsync

    def full(descriptor):
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        part = {"object": "/objects/.", "release": "/releases/", "generation": "/generations/", "audit": "audit.jsonl",
                "pointer": "/.current"}[where]  # fmt: skip
        if part in path:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="disk is full"):
            world.publish("2.0")
    assert newest(load(world.layout, [world.key.public], Seen())) == "1.0"
    if where == "object":
        assert sorted(path.name for path in world.layout.objects.iterdir()) == before
    world.publish("2.0")
    assert world.run("verify").exit_code == 0


def put_back(world, copy):
    shutil.rmtree(world.layout.root)
    shutil.copytree(copy, world.layout.root)


@pytest.fixture
def yesterday(world):
    """The store as it was before 2.0 came out."""
    world.publish("1.0")
    shutil.copytree(world.layout.root, world.tmp / "yesterday")
    world.publish("2.0")
    return world.tmp / "yesterday"


async def test_yesterdays_store_is_refused_while_running_and_after_a_restart(world, yesterday):
    async with world.serving() as site:
        put_back(world, yesterday)
        status = await site.refresh()
        assert status.health is Health.DEGRADED
        assert "old copy" in status.reason
        assert await site.offered() == "2.0"
        response, body = await site.get("/updates/health")
        assert (response.status, json.loads(body)["status"]) == (200, "degraded")
    async with world.serving() as site:
        assert "old copy" in site.capability.status().reason
        response, _ = await site.get("/appcast.xml")
        assert response.status == 503
        assert response.headers["Retry-After"]


async def test_yesterdays_index_under_todays_number_is_refused(world, yesterday):
    async with world.serving() as site:
        shutil.rmtree(world.layout.generation(2))
        shutil.copytree(yesterday / "generations" / "00000001", world.layout.generation(2))
        world.layout.pointer.write_text("00000003\n")
        shutil.copytree(world.layout.generation(2), world.layout.generation(3))
        status = await site.refresh()
        assert "belongs to state 1" in status.reason
        assert await site.offered() == "2.0"


async def test_two_different_states_of_one_number_are_refused(world, yesterday):
    """A store forked from yesterday's copy and published again, with the real key."""
    async with world.serving():
        pass
    put_back(world, yesterday)
    world.publish("1.5")
    async with world.serving() as site:
        assert "second, different" in site.capability.status().reason
        assert (await site.get("/appcast.xml"))[0].status == 503
        world.publish("2.1")
        assert (await site.refresh()).health is Health.READY
        assert await site.offered() == "2.1"


async def test_an_index_cannot_be_left_out(world):
    world.publish("1.0")
    async with world.serving() as site:
        world.publish("2.0", channel="beta")
        for suffix in ("json", "sig"):
            (world.layout.generation(2) / f"beta.index.{suffix}").unlink()
        assert "same channels" in (await site.refresh()).reason
        assert await site.offered() == "1.0"


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "remove", "foreign"])
@pytest.mark.parametrize("name", ["stable.index.json", "stable.index.sig", "feed", "manifest", "pointer", "artifact"])
async def test_a_damaged_new_state_is_never_served(world, name, damage):
    world.publish("1.0")
    async with world.serving() as site:
        release = world.publish("2.0")
        folder = world.layout.generation(2)
        index = json.loads((folder / "stable.index.json").read_text())
        path = {
            "feed": folder / f"{index['offers'][0]['appcast']}.xml",
            "manifest": folder / f"{index['offers'][0]['manifest']}.json",
            "pointer": world.layout.pointer,
            "artifact": world.layout.object(release.artifact.sha256),
        }.get(name, folder / name)
        data = bytearray(path.read_bytes())
        path.chmod(0o644)
        if damage == "remove":
            path.unlink()
        elif damage == "foreign":
            path.write_bytes(b"{}" + bytes(len(data)))
        else:
            data[len(data) // 2] ^= 0x41
            path.write_bytes({"truncate": data[:-3], "flip": data, "empty": b""}[damage])
        rotten = name == "artifact" and damage == "flip"  # the right size: only its hash tells, which the scrub does
        if name == "pointer" and damage == "truncate":
            return  # seven digits are no number of a state; covered by "empty"
        status = await site.refresh()
        if not rotten:
            assert status.health is Health.DEGRADED
            assert await site.offered() == "1.0"
            response, _ = await site.get("/appcast.xml")
            assert response.status == 200


async def test_bit_rot_is_found_and_the_file_no_longer_served(world):
    release = world.publish("1.0")
    path = world.layout.object(release.artifact.sha256)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(data)
    async with world.serving() as site:
        await site.capability._keeper.scrub()
        assert "not the published" in site.capability.status().reason
        response, _ = await site.get(release.artifact.path)
        assert response.status == 503
        assert response.headers["Retry-After"]
        assert world.run("publish", world.artifact("1.0"), "--version", "1.0").exit_code == 0
        await site.capability._keeper.scrub()
        assert site.capability.status().health is Health.READY
        assert (await site.get(release.artifact.path))[0].status == 200


async def test_a_scrub_does_not_excuse_what_a_download_met_meanwhile(world, monkeypatch):
    release = world.publish("1.0")
    async with world.serving() as site:
        held = site.capability._keeper
        path = world.layout.object(release.artifact.sha256)
        hashing, go_on = threading.Event(), threading.Event()

        def slow(artifact):
            hashing.set()
            go_on.wait(20)
            return artifact.sha256

        monkeypatch.setattr(keeper.Keeper, "_hash", lambda _, artifact: slow(artifact))
        scrub = asyncio.create_task(held.scrub())
        await asyncio.to_thread(hashing.wait, 20)
        path.chmod(0o644)
        path.write_bytes(b"short")
        assert (await site.get(release.artifact.path))[0].status == 503
        go_on.set()
        await scrub
        assert "size" in site.capability.status().reason


async def test_an_artifact_that_shrinks_while_served_is_not_sent(world):
    release = world.publish("1.0")
    async with world.serving() as site:
        path = world.layout.object(release.artifact.sha256)
        path.chmod(0o644)
        path.write_bytes(b"short")
        response, _ = await site.get(release.artifact.path)
        assert response.status == 503
        assert "is not available" in site.capability.status().reason  # as the download or the scrub says it
        assert await site.offered() == "1.0"


@pytest.mark.parametrize("offset", [timedelta(hours=2), timedelta(hours=-2), timedelta(days=-20_000)])
async def test_a_wrong_clock_never_stops_the_serving(world, monkeypatch, offset):
    world.publish("1.0")
    wrong = max(datetime.now(UTC) + offset, datetime(1970, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(keeper, "now_utc", lambda: wrong)
    async with world.serving() as site:
        assert await site.offered() == "1.0"
        far_off = abs(offset) > timedelta(days=1)
        assert ("clock" in site.capability.status().reason) is far_off


def publisher_at(world, when):
    publisher = world.publisher
    return attrs.evolve(publisher, committer=attrs.evolve(publisher.committer, clock=lambda: when))


def test_publishing_with_a_clock_in_1970_is_refused(world):
    world.publish("1.0")
    with pytest.raises(StoreError, match="clock"):
        publisher_at(world, datetime(1970, 1, 1, tzinfo=UTC)).renew()


def test_two_hours_of_clock_change_are_no_matter(world):
    world.publish("1.0")
    for hours in (2, 0, -2):
        publisher_at(world, datetime.now(UTC) + timedelta(hours=hours)).renew()
    assert load(world.layout, [world.key.public], Seen()).seq == 4


def test_a_publication_dated_in_the_future_can_be_put_right(world):
    world.publish("1.0")
    publisher_at(world, datetime(2040, 1, 1, tzinfo=UTC)).renew()
    with pytest.raises(StoreError, match="--despite-clock"):
        world.publish("1.1")
    assert world.run("renew", "--despite-clock").exit_code == 0
    world.publish("1.1")


async def test_an_expired_index_is_served_and_said(world, monkeypatch):
    world.publish("1.0")
    monkeypatch.setattr(keeper, "now_utc", lambda: datetime.now(UTC) + timedelta(days=91))
    async with world.serving() as site:
        assert "expired" in site.capability.status().reason
        assert await site.offered() == "1.0"


async def test_without_a_public_key_nothing_is_served(world):
    world.publish("1.0")
    world.set(public_keys=[])
    async with world.serving() as site:
        assert "update.public_keys" in site.capability.status().reason
        assert (await site.get("/appcast.xml"))[0].status == 503


async def test_a_foreign_key_is_not_trusted(world, tmp_path):
    from nexy_updates.keys import SigningKey

    world.publish("1.0")
    world.set(public_keys=[SigningKey.generate().public.text])
    async with world.serving() as site:
        assert "not signed by any" in site.capability.status().reason


async def test_a_removed_folder_leaves_the_last_good_state_and_its_pauses(world):
    world.publish("1.0")
    world.publish("2.0")
    world.run("pause", "2.0")
    async with world.serving() as site:
        shutil.move(world.layout.root, world.tmp / "away")
        status = await site.refresh()
        assert status.health is Health.DEGRADED
        assert await site.offered() == "1.0"
        shutil.move(world.tmp / "away", world.layout.root)
        assert (await site.refresh()).health is Health.READY


async def test_a_busy_port_degrades_and_recovers_without_a_restart(world):
    world.publish("1.0")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        world.set(port=other.getsockname()[1])
        async with world.serving() as site:
            assert site.capability.status().health is Health.DEGRADED
            assert "cannot listen" in site.capability.status().reason
            other.close()
            async with asyncio.timeout(10):
                while site.capability.status().health is not Health.READY:
                    await asyncio.sleep(0.01)


async def test_a_state_that_cannot_be_remembered_is_said(world):
    world.publish("1.0")
    (world.tmp / "data" / "updates-seen.json").mkdir()
    async with world.serving() as site:
        assert site.capability.status().health is Health.DEGRADED


async def test_publishing_during_twenty_downloads_disturbs_none(world):
    content = os.urandom(3_000_000)
    release = world.publish("1.0", content=content)
    world.set(max_downloads_per_client=20)
    async with world.serving() as site:
        downloads = [asyncio.create_task(site.get(release.artifact.path)) for _ in range(20)]
        async with asyncio.timeout(10):
            while not site.capability.status().figures["downloads"]:
                await asyncio.sleep(0)
        for version in ("1.1", "1.2", "1.3"):
            await asyncio.to_thread(world.publish, version)
            await site.refresh()
        for response, body in await asyncio.gather(*downloads):
            assert response.status == 200
            assert body == content
        assert await site.offered() == "1.3"
        assert site.capability.status().figures["downloads"] == 0


# The interpreter may be closed to other users too, so one round as root imports everything first.
UNREADABLE = textwrap.dedent("""
    import asyncio, json, os, sys
    from nexy_core import LiveSettings, Settings
    from nexy_updates.capability import UpdateSite

    async def look():
        capability = UpdateSite(LiveSettings(Settings("local", json.loads(sys.argv[1]), {})))
        await capability.initialize()
        status = capability.status()
        await capability.cleanup()
        return status.health, status.reason

    asyncio.run(look())
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    print(json.dumps(asyncio.run(look())))
""")


@pytest.mark.parametrize("part", ["", "generations", "current"])
def test_an_unreadable_folder_is_a_reason_and_nothing_else(world, part):
    """Root ignores permissions, so it becomes another user to look."""
    world.publish("1.0")
    root = Path(tempfile.mkdtemp()) / "updates"  # pytest's own folder is closed to others
    root.parent.chmod(0o755)
    shutil.copytree(world.layout.root, root)
    try:
        (root / part).chmod(0)
        values = dict(world.settings.current.values) | {"update.dir": str(root), "storage.data_dir": "/nonexistent"}
        command = [sys.executable, "-c", UNREADABLE, json.dumps(values)]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout) == ["degraded", "the update folder cannot be read: Permission denied"]
    finally:
        (root / part).chmod(0o700)
        shutil.rmtree(root.parent)
