"""Who is in a rollout, and what the others get."""

import asyncio
import hashlib
import itertools
import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexy_updates.errors import StoreError
from nexy_updates.rollout import admitted, as_percent, basis_points, bucket
from nexy_updates.versions import version_key
from packaging.version import Version

from nexy_core import FeedQuery

IDS = [str(uuid.UUID(int=random.Random(number).getrandbits(128))).upper() for number in range(10_000)]
STAGES = (100, 2500, 5000, 10_000)


def test_the_bucket_is_the_documented_one():
    assert bucket("2.0.0.33", "nexy-test-0001") == 7403
    assert bucket("2.0.0.33", "  NEXY-test-0001\n") == 7403


def test_ten_thousand_devices_join_and_never_leave():
    inside = [{name for name in IDS if admitted("2.0.0.33", name, stage)} for stage in STAGES]
    for before, after in itertools.pairwise(inside):
        assert before < after
    for stage, names in zip(STAGES, inside, strict=True):
        assert abs(len(names) / len(IDS) - stage / 10_000) <= 0.01


def test_another_release_starts_with_other_devices():
    first = {name for name in IDS if admitted("2.0.0.33", name, 1000)}
    second = {name for name in IDS if admitted("2.0.0.34", name, 1000)}
    assert len(first & second) < len(first) / 2


def test_the_edges():
    assert not any(admitted("1.0", name, 0) for name in IDS)
    assert all(admitted("1.0", name, 10_000) for name in [*IDS[:100], "", " "])
    assert not any(admitted("1.0", name, 9_999) for name in ("", " ", "\t"))


@given(st.integers(0, 10_000))
def test_a_percentage_reads_back(points):
    assert basis_points(as_percent(points).rstrip("%")) == points


NO_PERCENTAGES = ["", " ", "nan", "inf", "-0.01", "+5", "100.01", "0.001", "1%", "1,5", "0x10", "1e1", "1_0", "5 "]


@pytest.mark.parametrize("text", [*NO_PERCENTAGES, "\u0665", "9" * 50])
def test_nonsense_is_no_percentage(text):
    with pytest.raises(StoreError, match="percentage"):
        basis_points(text)


VERSIONS = st.lists(st.integers(0, 999_999_999), min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts)))


def sparkle_compare(a, b):
    """Sparkle's standard comparator for digits and dots, written from its description: part by part as numbers, and
    when one runs out, the longer is newer.
    """
    for left, right in zip(a.split("."), b.split("."), strict=False):
        if int(left) != int(right):
            return 1 if int(left) > int(right) else -1
    return (a.count(".") > b.count(".")) - (a.count(".") < b.count("."))


@given(VERSIONS, VERSIONS)
def test_newer_here_is_newer_for_sparkle_and_pep_440(a, b):
    if version_key(a) > version_key(b):
        assert sparkle_compare(a, b) > 0
        assert Version(a) > Version(b)


NO_VERSIONS = ["1", "1.", ".1", "1..2", "1.2.3.4.5", "1.2a", "v1.2", "1.2-3", " 1.2", "1.2\n", "1." + "9" * 10, "１.２"]


@pytest.mark.parametrize("text", NO_VERSIONS)
def test_other_version_numbers_are_refused(text):
    with pytest.raises(StoreError, match="numbers"):
        version_key(text)


@pytest.fixture
def two(world):
    """1.0 for everybody, 2.0 at 25 percent."""
    world.publish("1.0")
    world.publish("2.0", "25")
    return world


INSIDE = next(name for name in IDS if bucket("2.0", name) < 2500)
OUTSIDE = next(name for name in IDS if bucket("2.0", name) >= 5000)


async def test_those_outside_get_the_previous_release(two):
    async with two.serving() as site:
        assert await site.offered(f"?hardware_id={INSIDE}") == "2.0"
        assert await site.offered(f"?hardware_id={INSIDE.lower()}") == "2.0"
        assert await site.offered(f"?hardware_id={OUTSIDE}") == "1.0"
        assert await site.offered() == "1.0"
        assert await site.offered("?hardware_id=") == "1.0"
        assert await site.offered("?manual=1") == "2.0"
        assert await site.offered("?manual=yes") == "1.0"
        states = [state async for state in site.capability.process(FeedQuery(hardware_id=INSIDE))]
        assert [(state.version, state.channel) for state in states] == [("2.0", "stable")]


async def test_the_same_device_gets_the_same_after_a_restart(two):
    answers = []
    for _ in range(2):
        async with two.serving() as site:
            answers.append([await site.offered(f"?hardware_id={name}") for name in IDS[:200]])
    assert answers[0] == answers[1]
    assert answers[0].count("2.0") == sum(bucket("2.0", name) < 2500 for name in IDS[:200])


async def test_an_answer_for_one_cohort_is_not_for_shared_caches(two):
    async with two.serving() as site:
        plain, _ = await site.get("/appcast.xml")
        inside, inside_feed = await site.get(f"/appcast.xml?hardware_id={INSIDE}")
        manual, _ = await site.get("/appcast.xml?manual=1")
        outside, outside_feed = await site.get(f"/appcast.xml?hardware_id={OUTSIDE}")
        assert plain.headers.getall("Cache-Control") == ["max-age=60"]
        for response in (inside, manual, outside):
            assert response.headers.getall("Cache-Control") == ["private, max-age=60"]
        assert inside_feed != outside_feed
        assert inside.headers["ETag"] != outside.headers["ETag"]


async def test_pause_yank_and_promote_take_effect_without_a_restart(two):
    async with two.serving() as site:
        two.run("pause")
        await site.refresh()
        assert await site.offered(f"?hardware_id={INSIDE}") == "1.0"
        assert await site.offered("?manual=1") == "2.0"
        two.run("resume", "2.0")
        await site.refresh()
        assert await site.offered(f"?hardware_id={INSIDE}") == "2.0"
        two.run("rollout", "2.0", "100")
        await site.refresh()
        assert await site.offered() == "2.0"
        two.run("yank", "2.0")
        await site.refresh()
        assert await site.offered("?manual=1") == "1.0"


async def test_a_change_is_seen_by_itself(two):
    """Nobody calls refresh here: the server looks."""
    async with two.serving() as site:
        two.run("rollout", "2.0", "100")
        async with asyncio.timeout(10):
            while await site.offered() != "2.0":
                pass


async def test_a_finished_release_can_be_paused_too(two):
    two.run("rollout", "2.0", "100")
    async with two.serving() as site:
        assert await site.offered() == "2.0"
        two.run("pause", "2.0")
        await site.refresh()
        assert await site.offered() == "1.0"
        two.run("pause", "1.0")
        await site.refresh()
        assert await site.offered() is None


async def test_a_withdrawn_artifact_is_gone(two):
    path = f"/updates/downloads/{hashlib.sha256(two.artifact('2.0').read_bytes()).hexdigest()[:16]}/Nexy-2.0.dmg"
    async with two.serving() as site:
        assert (await site.get(path))[0].status == 200
        two.run("yank", "2.0")
        await site.refresh()
        response, _ = await site.get(path)
        assert response.status == 410
        assert response.headers.getall("Cache-Control") == ["no-store"]


async def test_fractions_of_a_percent_and_nobody(world):
    world.publish("1.0")
    world.publish("2.0", "0.5")
    chosen = [name for name in IDS if bucket("2.0", name) < 50]
    async with world.serving() as site:
        assert await site.offered(f"?hardware_id={chosen[0]}") == "2.0"
        world.run("rollout", "2.0", "0")
        await site.refresh()
        assert await site.offered(f"?hardware_id={chosen[0]}") == "1.0"
        assert await site.offered("?manual=1") == "2.0"


async def test_a_beta_user_sees_stable_releases_too_and_never_the_other_way(world):
    world.publish("1.0")
    world.publish("2.0", channel="beta")
    async with world.serving() as site:
        assert await site.offered() == "1.0"
        assert await site.offered("?channel=stable") == "1.0"
        assert await site.offered("?channel=beta") == "2.0"
        world.publish("2.1")
        await site.refresh()
        assert await site.offered("?channel=beta") == "2.1"


async def test_before_the_first_finished_release_outsiders_get_a_feed_without_releases(world):
    world.publish("1.0", "25")
    async with world.serving() as site:
        response, feed = await site.get("/appcast.xml")
        assert response.status == 200
        assert b"<item>" not in feed
        assert (await site.get("/manifest.json"))[0].status == 404


def test_too_many_unfinished_rollouts_are_refused(world):
    for number in range(8):
        world.publish(f"1.{number}", "1")
    with pytest.raises(StoreError, match="unfinished"):
        world.publish("2.0", "1")
