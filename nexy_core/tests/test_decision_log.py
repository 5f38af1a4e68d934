"""The log: order, limits, losses, secrets, files, and everything else that speaks in the process."""

import errno
import gzip
import io
import logging
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from pathlib import Path

import pytest
from nexy_core.config import Config
from nexy_core.decisions import Decision, DecisionLog, describe, parse_line
from nexy_core.decisions.bridge import bridged

WAIT_SECONDS = 10


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Open logs with settings of the test's own; they are closed at the end."""
    monkeypatch.chdir(tmp_path)
    opened = []

    def open_log(stream=None, **environ):
        config = Config.load(environ={f"NEXY_{name}": str(value) for name, value in environ.items()})
        log = DecisionLog.open(config.live, console=stream is not None, stream=stream)
        opened.append(log)
        return log

    yield open_log
    for log in opened:
        log.close(WAIT_SECONDS)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "logs" / "nexy.log"


def lines(text):
    found = [parse_line(line) for line in text.splitlines()]
    assert None not in found
    return found


def test_lines_come_out_in_order_on_the_stream_and_in_the_file(make, file):
    stream = io.StringIO()
    log = make(stream)
    for n in range(1000):
        log.write(Decision.START, scope="test", n=n)
    assert log.close(WAIT_SECONDS)
    assert [line.ctx["n"] for line in lines(file.read_text())] == list(range(1000))
    assert stream.getvalue() == file.read_text()


def test_a_line_is_written_soon_without_being_asked_for(make):
    class Stream(io.StringIO):
        written = threading.Event()

        def write(self, text):
            self.written.set()
            return super().write(text)

    stream = Stream()
    make(stream).write(Decision.LISTEN, scope="test")
    assert stream.written.wait(WAIT_SECONDS)


def test_lines_from_many_threads_all_arrive(make, file):
    log = make()
    threads = [
        threading.Thread(target=lambda: [log.write(Decision.LOG, scope="test") for _ in range(500)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close(WAIT_SECONDS)
    assert len(lines(file.read_text())) == 4000


class Gate(io.StringIO):
    """A stream that blocks until it is opened."""

    def __init__(self):
        super().__init__()
        self.reached = threading.Event()
        self.open = threading.Event()

    def write(self, text):
        self.reached.set()
        self.open.wait(WAIT_SECONDS)
        return super().write(text)


def test_a_line_says_what_was_so_when_it_was_written(make, file):
    log, things, marks_ms = make(), ["one"], {"first_text": 120.5}
    log.write(Decision.LOG, scope="test", things=things, ctx={"more": {"two": things}})
    log.write(Decision.LOG, scope="test", word="a", marks_ms=marks_ms)
    things.append("three")
    marks_ms["end"] = 2000.0
    log.close(WAIT_SECONDS)
    said = [line.ctx for line in lines(file.read_text())[-2:]]
    assert said == [{"things": ["one"], "more": {"two": ["one"]}}, {"word": "a", "marks_ms": {"first_text": 120.5}}]


def test_what_plugins_say_at_length_does_not_wait_in_memory(make):
    gate = Gate()
    log = make(gate, LOG__BUFFER_LINES=10_000, LOG__FILES="false")
    tracemalloc.start()
    with bridged(log):
        for n in range(500):
            at_length = {"ctx": {"words": f"{n}" + "x" * 100_000, 5: "five"}, "method": f"m{n}" * 50_000}
            logging.getLogger("nexy_core.test").info("y" * 100_000, extra=at_length)
        held_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    gate.open.set()
    log.close(WAIT_SECONDS)
    assert held_bytes < 5_000_000
    written = [line for line in lines(gate.getvalue()) if line.scope == "nexy_core.test"]
    assert len(written) == 500
    assert written[7].ctx == {"words": "7" + "x" * 499 + "…", "5": "five", "text": "y" * 500 + "…"}


def test_a_full_buffer_drops_counts_and_says_so(make):
    gate, seen = Gate(), []
    log = make(gate, LOG__BUFFER_LINES=10, LOG__FILES="false")
    log.write(Decision.LOG, scope="first")
    assert gate.reached.wait(WAIT_SECONDS)
    for _ in range(25):
        log.write(Decision.LOG, scope="test")
    assert log.lost == 15
    log.observe = seen.append
    gate.open.set()
    log.close(WAIT_SECONDS)
    written = lines(gate.getvalue())
    assert sum(line.scope == "test" for line in written) == 10
    assert [line.ctx for line in written if line.decision is Decision.DROP] == [{"lines": 15}]
    assert seen == [Decision.DROP], "the metric that the alert looks at"


def test_the_caller_never_waits_for_a_stuck_stream(make):
    gate = Gate()
    log = make(gate, LOG__BUFFER_LINES=100, LOG__FILES="false")
    started = time.monotonic()
    for _ in range(10_000):
        log.write(Decision.LOG, scope="test")
    assert time.monotonic() - started < 5
    assert not log.close(0.05)
    gate.open.set()


def test_lines_below_the_level_are_not_written_and_a_reload_applies_at_once(make, file):
    log = make(LOG__LEVEL="WARNING")
    log.write(Decision.LOG, scope="quiet")
    values = dict(log._settings.current.values) | {"log.level": "DEBUG"}
    import attrs

    log._settings.current = attrs.evolve(log._settings.current, values=values)
    log.write(Decision.LOG, scope="heard", level="DEBUG")
    log.close(WAIT_SECONDS)
    assert [line.scope for line in lines(file.read_text())] == ["heard"]


@pytest.mark.parametrize("secret", ["sk-0123456789", 'quo"ted\\secret', "пароль-секрет"])
def test_a_secret_is_masked_whoever_writes_it(make, file, secret):
    log = make()
    log.hide([secret, "a"])
    log.write(Decision.ERROR, scope="test", text=f"cannot log in with {secret}", nested={"deep": [secret]})
    log.close(WAIT_SECONDS)
    (line,) = lines(file.read_text())
    assert line.ctx == {"text": "cannot log in with ***", "nested": {"deep": ["***"]}}


@pytest.mark.parametrize("secret", ["complete", "123456", "decision", "server"])
def test_a_secret_that_is_a_word_or_a_number_of_the_line_breaks_no_line(make, file, secret):
    log = make()
    log.hide([secret])
    log.write(Decision.COMPLETE, scope="server", ctx={"chars": 123456, "text": f"it is {secret}"}, dur_ms=123456)
    log.close(WAIT_SECONDS)
    (line,) = lines(file.read_text())
    assert line.decision is Decision.COMPLETE
    assert line.ctx["text"] == "it is ***"


def test_an_id_is_masked_the_same_way_in_every_run_and_differently_elsewhere(make, monkeypatch, tmp_path):
    first = make().mask_id("ABCD")
    assert make().mask_id("ABCD") == first
    assert make().mask_id("ABCE") != first
    assert "ABCD" not in first
    monkeypatch.setenv("X", "1")
    assert make(STORAGE__DATA_DIR=tmp_path / "other").mask_id("ABCD") != first


def test_key_and_files_are_the_owner_s_alone(make, file, tmp_path):
    make().write(Decision.LOG, scope="test")
    assert (tmp_path / "data" / "log.key").stat().st_mode & 0o777 == 0o600
    assert file.stat().st_mode & 0o777 == 0o600


def test_full_files_are_compressed_and_the_oldest_go(make, file):
    log = make(LOG__MAX_FILE_BYTES=5000, LOG__KEEP_FILES=2)
    for n in range(20):
        for _ in range(60):
            log.write(Decision.LOG, scope="test", n=n)
        wait_until(lambda: not log._buffer)
    log.close(WAIT_SECONDS)
    packed = sorted(file.parent.glob("*.gz"))
    assert len(packed) == 2
    assert all(lines(gzip.decompress(one.read_bytes()).decode()) for one in packed)


def wait_until(done):
    limit = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < limit
        threading.Event().wait(0.001)


def test_no_folder_for_the_files_is_a_line_and_no_error(make, tmp_path):
    (tmp_path / "blocked").write_text("a file")
    stream = io.StringIO()
    make(stream, LOG__DIR=tmp_path / "blocked").close(WAIT_SECONDS)
    (line,) = lines(stream.getvalue())
    assert (line.decision, line.ctx["reason"]) == (Decision.DEGRADE, "no_log_files")


def test_a_stream_that_fails_stops_nothing(make, file):
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    log = make(Broken())
    log.write(Decision.LOG, scope="test")
    log.close(WAIT_SECONDS)
    first, said = lines(file.read_text())
    assert (first.scope, said.ctx["reason"], said.ctx["sink"]) == ("test", "log_sink_fails", "console")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full (Linux)")
def test_a_full_disk_is_said_on_the_console_and_the_loss_when_there_is_room_again(make, file, tmp_path):
    file.parent.mkdir(parents=True)
    file.symlink_to("/dev/full")
    stream = io.StringIO()
    log = make(stream)
    log.write(Decision.LOG, scope="first")
    wait_until(lambda: "log_sink_fails" in stream.getvalue())
    for _ in range(5):
        log.write(Decision.LOG, scope="test")
    log.close(WAIT_SECONDS)
    found = lines(stream.getvalue())
    (said,) = [line for line in found if line.decision is Decision.DEGRADE]
    assert (said.ctx["sink"], said.ctx["errno"]) == ("files", errno.ENOSPC)
    assert sum(line.scope == "test" for line in found) == 5


def test_a_sink_that_works_again_says_what_it_lost(make):
    class Flaky(io.StringIO):
        broken = True

        def write(self, text):
            if self.broken:
                raise OSError(errno.ENOSPC, "full")
            return super().write(text)

    stream = Flaky()
    log = make(stream, LOG__FILES="false")
    log.write(Decision.LOG, scope="lost")
    wait_until(lambda: log._sinks[0].unwritten_lines)
    wait_until(lambda: not log._buffer)
    assert log.lost >= 1
    assert log.failing() == [{"sink": "console", "errno": errno.ENOSPC}]
    stream.broken = False
    log.write(Decision.LOG, scope="kept")
    log.close(WAIT_SECONDS)
    found = lines(stream.getvalue())
    assert found[0].scope == "kept"
    assert found[-1].decision is Decision.DROP
    assert found[-1].ctx["lines"] >= 1
    assert (log.lost, log.failing()) == (0, [])


def test_a_quiet_log_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = DecisionLog.quiet(Config.load(environ={}).live)
    log.write(Decision.LOG, scope="test")
    assert log.close(WAIT_SECONDS)
    assert list(tmp_path.iterdir()) == []


def test_every_decision_is_counted_where_somebody_counts(make):
    log, seen = make(), []
    log.observe = seen.append
    log.write(Decision.REFUSE, scope="test")
    assert seen == [Decision.REFUSE]


# --- the rest of the process --------------------------------------------------------------------


def heard(make, speak, **environ):
    stream = io.StringIO()
    log = make(stream, LOG__FILES="false", **environ)
    with bridged(log):
        speak()
    log.close(WAIT_SECONDS)
    return lines(stream.getvalue())


def test_a_plugin_s_record_keeps_its_decision_and_context(make):
    extra = {"decision": "degrade", "ctx": {"reason": "no_voice"}}
    (line,) = heard(make, lambda: logging.getLogger("nexy_tts.plugin").warning("no %s", "voice", extra=extra))
    assert (line.decision, line.scope, line.level) == (Decision.DEGRADE, "nexy_tts.plugin", "WARNING")
    assert line.ctx == {"reason": "no_voice", "text": "no voice"}


def test_an_unknown_word_is_a_log_line(make):
    (line,) = heard(make, lambda: logging.getLogger("nexy_x").warning("hm", extra={"decision": "whatever"}))
    assert line.decision is Decision.LOG


def test_other_libraries_are_heard_but_not_quoted(make):
    def speak():
        logging.getLogger("httpx").info("GET /private?prompt=hello")
        logging.getLogger("litellm").error("bad prompt: %s", "my secret diary")
        warnings.warn("a secret diary", stacklevel=1)

    found = heard(make, speak)
    assert [line.scope for line in found] == ["litellm", "py.warnings"]
    assert found[0].ctx["chars"] == len("bad prompt: my secret diary")
    assert "diary" not in str(found)


def test_other_libraries_are_quoted_when_the_operator_says_so(make):
    (line,) = heard(make, lambda: logging.getLogger("litellm").error("in full"), LOG__FOREIGN_TEXT="true")
    assert line.ctx["text"] == "in full"


def test_a_third_party_plugin_is_quoted_once_it_is_trusted(make):
    stream = io.StringIO()
    log = make(stream)
    log.trust("acme_voice.plugin")
    with bridged(log):
        logging.getLogger("acme_voice.engine").info("loaded")
    log.close(WAIT_SECONDS)
    assert lines(stream.getvalue())[0].ctx["text"] == "loaded"


def test_a_record_that_cannot_be_formatted_is_still_a_line(make):
    (line,) = heard(make, lambda: logging.getLogger("nexy_x").warning("%d items", "no number"))
    assert line.ctx["text"] == "%d items"


def test_loguru_s_own_users_are_heard(make):
    code = "from loguru import logger; logger.warning('a secret diary'); logger.info('too quiet')"
    (line,) = heard(make, lambda: exec(code, {"__name__": "acme"}))
    assert (line.level, line.ctx["chars"]) == ("WARNING", len("a secret diary"))


def test_an_exception_is_described_without_its_text(make):
    def speak():
        try:
            raise ValueError("the user's own words")
        except ValueError:
            logging.getLogger("asyncio").exception("never retrieved")

    (line,) = heard(make, speak)
    assert line.ctx["error"] == "ValueError"
    assert line.ctx["at"].startswith("test_decision_log.py:")
    assert "own words" not in str(line)


def test_a_dying_thread_is_a_decision_line(make):
    def speak():
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()

    (line,) = heard(make, speak)
    assert (line.decision, line.ctx["reason"], line.ctx["error"]) == (
        Decision.ERROR,
        "thread_exception",
        "ZeroDivisionError",
    )


def test_the_bridge_leaves_everything_as_it_was(make):
    root = logging.getLogger()
    before = (root.handlers[:], root.level, threading.excepthook, sys.unraisablehook, warnings.showwarning)
    heard(make, lambda: None)
    assert (root.handlers[:], root.level, threading.excepthook, sys.unraisablehook, warnings.showwarning) == before


def test_describe_names_the_place_innermost_first():
    try:
        describe_me()
    except KeyError as error:
        found = describe(error)
    assert found["error"] == "KeyError"
    assert str(found["at"]).count("test_decision_log.py") == 2


def describe_me():
    raise KeyError("secret")


PROCESS = """
import faulthandler, logging, os, subprocess, sys, warnings
from nexy_core.config import Config
from nexy_core.decisions import Decision, DecisionLog, takeover
log = DecisionLog.open(Config.load().live, console=True)
with takeover(log):
    log.write(Decision.START, scope="test")
    print("CANARY printed")
    print("CANARY complained", file=sys.stderr)
    os.write(1, b"CANARY native\\n")
    os.write(2, b"CANARY native error\\n")
    subprocess.run([sys.executable, "-c", "print('CANARY child')"])
    warnings.warn("CANARY warned")
    logging.getLogger("other").error("CANARY logged")
    from loguru import logger
    logger.error("CANARY loguru")
    log.say("for a person")
log.close(5)
print("after")
"""


def test_every_line_a_process_writes_is_a_decision_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROCESS], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "after\n"
    found = lines(done.stderr)
    assert "CANARY" not in done.stderr
    heard_streams = {line.ctx.get("stream") for line in found}
    assert {"stdout", "stderr"} <= heard_streams
    assert {"test", "py.warnings", "other", "__main__"} <= {line.scope for line in found}
    assert "for a person" in [line.ctx.get("text") for line in found]
    assert (tmp_path / "data" / "logs" / "nexy.log").read_text() == done.stderr
