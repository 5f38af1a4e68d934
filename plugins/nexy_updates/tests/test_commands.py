"""The operator's commands, as typed."""

import base64
import json
import stat

import pytest
from nexy_updates.keys import SigningKey


def ok(result):
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(result):
    """The text of the error, which never holds the private key."""
    assert result.exit_code != 0
    return str(result.exception) + result.output


async def test_from_keygen_to_a_served_release(world, tmp_path):
    printed = ok(world.run("keygen", tmp_path / "new.key"))
    assert stat.S_IMODE((tmp_path / "new.key").stat().st_mode) == 0o600
    public = SigningKey.read(str(tmp_path / "new.key")).public.text
    assert public in printed
    world.set(public_keys=[public], key_file=str(tmp_path / "new.key"))
    notes = tmp_path / "notes.md"
    notes.write_text("* Faster & better")
    output = ok(
        world.run("publish", world.artifact("2.0.0.33"), "--version", "2.0.0.33", "--short-version", "2.0",
                  "--rollout", "100", "--notes", notes, "--min-system", "12.0", "--critical")
    )  # fmt: skip
    assert "published 2.0.0.33 to stable at 100% (state 1)" in output
    assert "store is sound" in ok(world.run("verify"))
    async with world.serving() as site:
        assert await site.offered() == "2.0.0.33"
    assert json.loads(ok(world.run("status", "--json"))) == {
        "seq": 1,
        "releases": [{"channel": "stable", "version": "2.0.0.33", "rollout": "100%", "state": "finished"}],
    }


def test_a_key_is_never_overwritten(world, tmp_path):
    ok(world.run("keygen", tmp_path / "a.key"))
    assert "never overwritten" in refused(world.run("keygen", tmp_path / "a.key"))


def test_a_key_that_others_can_read_is_refused(world):
    world.key_file.chmod(0o640)
    assert "chmod 600" in refused(world.run("sign", world.artifact("1.0")))


def test_a_key_comes_from_standard_input_and_is_never_repeated(world):
    text = world.key_file.read_text()
    output = ok(world.run("sign", world.artifact("1.0"), "--key", "-", stdin=text))
    assert 'sparkle:edSignature="' in output
    assert text.strip() not in output


@pytest.mark.parametrize(
    ("size", "hint"), [(64, "first 32 bytes"), (96, "old Sparkle"), (31, "not 32"), (33, "not 32"), (0, "not 32")]
)
def test_keys_of_other_sizes_are_refused_with_a_hint(world, size, hint):
    secret = base64.b64encode(bytes(range(size))).decode()
    text = refused(world.run("sign", world.artifact("1.0"), "--key", "-", stdin=secret))
    assert hint in text
    assert not secret or secret not in text


def test_a_key_that_is_not_base64_is_refused_without_repeating_it(world):
    assert "s3cret" not in refused(world.run("sign", world.artifact("1.0"), "--key", "-", stdin="s3cret!!"))


def test_without_a_key_nothing_is_published(world):
    world.set(key_file="")
    assert "--key" in refused(world.run("publish", world.artifact("1.0"), "--version", "1.0"))
    assert not world.layout.pointer.exists()


def test_verify_a_file_against_its_signature(world):
    file = world.artifact("1.0")
    signature = ok(world.run("sign", file)).split('"')[1]
    ok(world.run("verify", file, "--signature", signature))
    file.write_bytes(file.read_bytes() + b"x")
    assert "not signed" in refused(world.run("verify", file, "--signature", signature))
    assert "both" in refused(world.run("verify", file))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--version", "1"], "2 to 4 numbers"),
        (["--version", "1.0-beta"], "2 to 4 numbers"),
        (["--version", "1.0.0.0.1"], "2 to 4 numbers"),
        (["--version", "1.\u0661"], "2 to 4 numbers"),
        (["--version", "1.1", "--rollout", "nan"], "percentage"),
        (["--version", "1.1", "--rollout", "-1"], "percentage"),
        (["--version", "1.1", "--rollout", "100.01"], "percentage"),
        (["--version", "1.1", "--rollout", "0.001"], "percentage"),
        (["--version", "1.1", "--rollout", "1e9999"], "percentage"),
        (["--version", "1.1", "--channel", "nightly"], "update.channels"),
        (["--version", "1.1", "--title", "a\x00b"], "control character"),
        (["--version", "1.1", "--title", "a\ud800b"], "control character"),
        (["--version", "1.1", "--link", "javascript:alert(1)"], "https://"),
        (["--version", "1.1", "--informational"], "--link"),
        (["--version", "1.1", "--min-system", "twelve"], "numbers"),
        (["--version", "1.1", "--delta", "1.0=/nowhere.delta"], "must exist"),
        (["--version", "1.0"], "another file"),
        (["--version", "1.0.0"], "another file"),
        (["--version", "0.9"], "not newer"),
        (["--version", "1.0", "--channel", "beta"], "published before"),
    ],
)
def test_what_a_client_could_not_use_is_refused_and_nothing_changes(world, arguments, words):
    world.publish("1.0")
    before = world.layout.pointer.read_bytes()
    file = world.tmp / "Nexy-next.dmg"
    file.write_bytes(b"another application")
    assert words in refused(world.run("publish", file, *arguments))
    assert world.layout.pointer.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".hidden.dmg", "start with a letter"),
        ("a b.dmg", "may hold"),
        ("Nexy.exe", "must end"),
        ("x\u202e.dmg", "may hold"),
    ],
)
def test_file_names_that_are_not_safe_everywhere_are_refused(world, name, words):
    file = world.tmp / name
    file.write_bytes(b"x")
    assert words in refused(world.run("publish", file, "--version", "1.0"))


def test_empty_and_oversized_artifacts_are_refused(world):
    empty = world.tmp / "Nexy.dmg"
    empty.touch()
    assert "is empty" in refused(world.run("publish", empty, "--version", "1.0"))
    world.set(max_release_mib=1)
    large = world.artifact("1.0", bytes(1024 * 1024 + 1))
    assert "max_release_mib" in refused(world.run("publish", large, "--version", "1.0"))
    ok(world.run("publish", world.artifact("1.0", bytes(1024 * 1024)), "--version", "1.0"))
    assert list(world.layout.objects.glob(".*")) == []


def test_a_plain_http_address_is_refused(world):
    world.set(base_url="http://updates.example.com")
    assert "https://" in refused(world.run("publish", world.artifact("1.0"), "--version", "1.0"))


def test_publishing_the_same_again_changes_nothing(world):
    ok(world.run("publish", world.artifact("1.0"), "--version", "1.0"))
    before = world.layout.pointer.read_bytes()
    ok(world.run("publish", world.artifact("1.0"), "--version", "1.0"))
    assert world.layout.pointer.read_bytes() == before


def test_promote_goes_through_the_stages(world):
    ok(world.run("publish", world.artifact("1.0"), "--version", "1.0"))
    said = [ok(world.run("promote", "1.0")).strip() for _ in range(3)]
    assert said == ["1.0 is at 25%", "1.0 is at 50%", "1.0 is at 100%"]
    assert "already" in refused(world.run("promote", "1.0"))
    assert "has not been published" in refused(world.run("promote", "9.9"))


def test_a_paused_version_is_not_promoted(world):
    world.publish("1.0", "1")
    assert "paused: 1.0" in ok(world.run("pause"))
    assert "resume" in refused(world.run("promote", "1.0"))
    ok(world.run("resume", "1.0"))
    ok(world.run("promote", "1.0"))


def test_a_yanked_version_stays_yanked(world):
    world.publish("1.0")
    world.publish("1.1")
    ok(world.run("yank", "1.1"))
    for command in (["promote", "1.1"], ["rollout", "1.1", "50"], ["yank", "1.1"]):
        assert "for good" in refused(world.run(*command))
    assert "cannot be used again" in refused(world.run("publish", world.artifact("1.1"), "--version", "1.1"))
    ok(world.run("verify"))


def test_the_audit_tells_what_happened_in_order(world):
    world.publish("1.0", "1")
    ok(world.run("promote", "1.0"))
    ok(world.run("pause"))
    ok(world.run("resume"))
    ok(world.run("yank", "1.0"))
    events = [json.loads(line)["event"] for line in ok(world.run("audit", "--json")).splitlines()]
    assert events == ["publish", "promote", "pause", "resume", "yank"]
    ok(world.run("audit"))


@pytest.mark.parametrize("change", ["edit", "drop", "swap"])
def test_a_rewritten_audit_is_noticed(world, change):
    for version in ("1.0", "1.1", "1.2"):
        world.publish(version)
    lines = world.layout.audit.read_bytes().splitlines(keepends=True)
    if change == "edit":
        lines[1] = lines[1].replace(b'"1.1"', b'"6.6"')
    elif change == "drop":
        del lines[1]
    else:
        lines[0], lines[1] = lines[1], lines[0]
    world.layout.audit.write_bytes(b"".join(lines))
    assert "changed" in refused(world.run("audit"))
    assert "audit" in refused(world.run("verify"))


def test_an_audit_cut_at_its_end_is_noticed_by_the_signed_index(world):
    world.publish("1.0")
    world.publish("1.1")
    lines = world.layout.audit.read_bytes().splitlines(keepends=True)
    world.layout.audit.write_bytes(lines[0])
    assert "rewritten or cut" in refused(world.run("verify"))


@pytest.mark.parametrize("what", ["artifact", "record", "index", "feed", "signature", "truncated", "missing"])
def test_verify_finds_every_kind_of_damage(world, what):
    release = world.publish("1.0")
    generation = world.layout.generation(1)
    target = {
        "record": next(world.layout.releases.iterdir()),
        "index": generation / "stable.index.json",
        "feed": next(generation.glob("*.xml")),
        "signature": generation / "stable.index.sig",
    }.get(what, world.layout.object(release.artifact.sha256))
    data = bytearray(target.read_bytes())
    target.chmod(0o644)
    if what == "missing":
        target.unlink()
    elif what == "truncated":
        target.write_bytes(data[:-1])
    else:
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
    refused(world.run("verify"))


def test_nothing_is_published_yet(world):
    assert "nothing has been published" in refused(world.run("verify"))
    assert "nothing has been published" in refused(world.run("audit"))
    assert "state 0" in ok(world.run("status"))
    assert "nothing was being rolled out" in ok(world.run("pause"))


async def test_keys_rotate_with_overlap(world, tmp_path):
    """Servers that trust only the old key, both, or only the new one accept the states signed meanwhile."""
    world.publish("1.0")
    ok(world.run("keygen", tmp_path / "new.key"))
    old, new = world.key.public.text, SigningKey.read(str(tmp_path / "new.key")).public.text
    keys = ("--key", tmp_path / "new.key", "--key", world.key_file)
    ok(world.run("publish", world.artifact("1.1"), "--version", "1.1", "--rollout", "100", *keys))
    for trusted in ([old], [old, new]):
        world.set(public_keys=trusted)
        async with world.serving() as site:
            assert await site.offered() == "1.1"
    world.set(public_keys=[new])
    async with world.serving() as site:
        assert await site.offered() == "1.1"
    assert "1.0" in refused(world.run("verify"))
    ok(world.run("renew", "--resign", "--key", tmp_path / "new.key"))
    ok(world.run("verify"))


def test_renew_takes_a_new_address_and_date(world):
    world.publish("1.0")
    world.set(base_url="https://updates.example.com")
    ok(world.run("renew"))
    feeds = [path.read_text() for path in world.layout.generation(2).glob("*.xml")]
    assert any('url="https://updates.example.com/updates/downloads/' in feed for feed in feeds)


def test_deltas_are_published_beside_the_archive(world, tmp_path):
    world.publish("1.0")
    delta = tmp_path / "Nexy-1.0-2.0.delta"
    delta.write_bytes(b"the difference")
    arguments = ["publish", world.artifact("2.0"), "--version", "2.0", "--rollout", "100"]
    assert "older version" in refused(world.run(*arguments, "--delta", f"2.0={delta}"))
    ok(world.run(*arguments, "--delta", f"1.0={delta}"))
    ok(world.run("verify"))
    feeds = "".join(path.read_text() for path in world.layout.generation(2).glob("*.xml"))
    assert 'sparkle:deltaFrom="1.0"' in feeds
    assert "/Nexy-1.0-2.0.delta" in feeds


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("notes.rtf", b"x", "must end with"), ("notes.txt", b"\xff\xfe", "UTF-8"), ("notes.md", b"x" * 70_000, "longer")],
)
def test_notes_that_no_client_shows_are_refused(world, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    result = world.run("publish", world.artifact("1.0"), "--version", "1.0", "--notes", tmp_path / name)
    assert words in refused(result)


def test_a_damaged_archive_is_not_signed_again(world):
    release = world.publish("1.0")
    path = world.layout.object(release.artifact.sha256)
    path.chmod(0o644)
    path.write_bytes(b"!" + path.read_bytes()[1:])
    assert "damaged" in refused(world.run("renew", "--resign"))
    path.unlink()
    assert "cannot sign" in refused(world.run("renew", "--resign"))
