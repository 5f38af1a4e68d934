"""``nexy logs``: reading, choosing, following and converting."""

import gzip
import itertools
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from nexy_core.cli.logs import logs
from nexy_core.config import Config
from nexy_core.decisions import Decision, DecisionLog, format_line
from nexy_core.decisions.reading import Choice, follow, log_files, parse_window, read_texts
from nexy_core.errors import ConfigError

WAIT_SECONDS = 10


def line(decision=Decision.START, scope="grpc", level="INFO", ago=timedelta(0), **ctx):
    return format_line((datetime.now(UTC) - ago).timestamp(), level, scope, "-", decision, ctx, 0)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working directory with an empty log folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "logs"
    folder.mkdir(parents=True)
    return folder


def run(*args):
    result = CliRunner().invoke(logs, args, standalone_mode=False)
    return result.return_value, result.stdout.splitlines(), result.stderr


def test_the_server_s_own_log_is_read_the_rotated_ones_first(home):
    lines = [line(n=n) for n in range(6)]
    with gzip.open(home / "nexy.2026-01-01_00-00-00_000000.log.gz", "wt") as file:
        file.write("\n".join(lines[:2]) + "\n")
    (home / "nexy.2026-01-02_00-00-00_000000.log").write_text("\n".join(lines[2:4]) + "\n")
    (home / "nexy.log").write_text("\n".join(lines[4:]) + "\n")
    for age, path in enumerate(log_files(home)):
        os.utime(path, (1000 + age, 1000 + age))
    os.utime(home / "nexy.2026-01-01_00-00-00_000000.log.gz", (1, 1))
    os.utime(home / "nexy.2026-01-02_00-00-00_000000.log", (2, 2))
    assert run() == (0, lines, "")


def test_json_lines_hold_every_field(home):
    (home / "nexy.log").write_text(line(Decision.REFUSE, reason="no_slot") + "\n")
    _, (text,), _ = run("--json")
    found = json.loads(text)
    assert list(found) == ["ts", "level", "scope", "method", "decision", "ctx", "dur_ms"]
    assert (found["decision"], found["ctx"]) == ("refuse", {"reason": "no_slot"})
    assert found["ts"].endswith("Z")


@pytest.mark.parametrize(
    ("args", "kept"),
    [
        ([], {0, 1, 2, 3}),
        (["-d", "refuse"], {1}),
        (["-d", "refuse", "-d", "error"], {1, 2}),
        (["--scope", "turn"], {2, 3}),
        (["--scope", "tur", "--scope", "grpc"], {0, 1, 2, 3}),
        (["--level", "error"], {2}),
        (["--since", "5m"], {0, 2, 3}),
        (["-n", "2"], {2, 3}),
        (["-d", "refuse", "--scope", "turn"], set()),
    ],
)
def test_lines_are_chosen(home, args, kept):
    lines = [
        line(Decision.START),
        line(Decision.REFUSE, ago=timedelta(minutes=10)),
        line(Decision.ERROR, scope="turn", level="ERROR"),
        line(Decision.COMPLETE, scope="turn.speech"),
    ]
    (home / "nexy.log").write_text("\n".join(lines) + "\n")
    assert run(*args) == (0, [lines[n] for n in sorted(kept)], "")


def test_a_session_is_found_by_its_id_in_the_clear(home):
    log = DecisionLog.open(Config.load().live, console=False)
    for session in ("my-session", "another"):
        log.write(Decision.COMPLETE, scope="turn", session=log.mask_id(session), turn=f"turn-of-{session}")
    log.close(WAIT_SECONDS)
    for asked in ("my-session", log.mask_id("my-session"), "turn-of-my-session"):
        _, found, _ = run("--session", asked)
        assert len(found) == 1
        assert "turn-of-my-session" in found[0]
        assert '"my-session"' not in found[0]


def test_lines_that_are_none_are_counted_and_the_exit_code_tells(home):
    (home / "nexy.log").write_text(f"hello\n{line()}\n\nTraceback (most recent call last):\n")
    code, found, said = run()
    assert (code, len(found)) == (1, 1)
    assert "2 lines are no decision lines" in said


def test_bytes_that_are_no_text_harm_nothing(home):
    (home / "nexy.log").write_bytes(b"\xff\xfe\x00\n" + line().encode() + b"\n")
    code, found, _ = run()
    assert (code, len(found)) == (1, 1)


@pytest.mark.parametrize("text", ["", "x", "15", "m", "-1m", "1.5h", "9" * 30 + "d"])
def test_a_window_that_is_none_is_refused(text):
    with pytest.raises(ConfigError):
        parse_window(text)


def test_windows():
    asked = [parse_window(text) for text in ("90s", "15m", "2H", " 1d ")]
    assert asked == [timedelta(seconds=90), timedelta(minutes=15), timedelta(hours=2), timedelta(days=1)]


def test_without_a_log_the_message_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="data/logs"):
        CliRunner().invoke(logs, [], standalone_mode=False, catch_exceptions=False)


def test_a_file_that_is_cut_off_is_named(tmp_path):
    path = tmp_path / "nexy.1.log.gz"
    path.write_bytes(gzip.compress(line().encode() * 100)[:-20])
    with pytest.raises(ConfigError, match=r"nexy\.1\.log\.gz"):
        list(read_texts([path]))


def test_following_sees_new_lines_rotation_and_truncation(tmp_path):
    path, steps = tmp_path / "nexy.log", []

    def append(text):
        with path.open("a") as file:
            file.write(text)

    def rotate():
        append("5\n")
        path.rename(tmp_path / "nexy.1.log")
        path.write_text("6\n")

    def truncate():
        path.write_text("")

    steps += [lambda: path.write_text("1\n2\n"), lambda: append("3"), lambda: append("\n4\n"), rotate, truncate]
    steps += [lambda: append("7\n")]
    todo = iter(steps)
    found = list(itertools.islice(follow(path, lambda _: next(todo)()), 7))
    assert found == ["1", "2", "3", "4", "5", "6", "7"]


def test_following_a_real_log(home):
    seen, done = [], threading.Event()

    def read():
        for text, _ in Choice(scopes=("mine",)).of(follow(home / "nexy.log")):
            seen.append(text)
            done.set()
            return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    log = DecisionLog.open(Config.load().live, console=False)
    log.write(Decision.LISTEN, scope="other")
    log.write(Decision.LISTEN, scope="mine")
    assert done.wait(WAIT_SECONDS)
    log.close(WAIT_SECONDS)
    assert "scope=mine" in seen[0]


def test_a_reader_that_leaves_early_causes_no_traceback(home):
    (home / "nexy.log").write_text((line(pad="x" * 400) + "\n") * 2000)
    command = f"{sys.executable} -m nexy_core logs | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
