"""The contract kit: a good plugin keeps every rule, and for each rule a bad one breaks exactly it."""

import textwrap

import pytest
from nexy_core.errors import ConfigError
from nexy_core.testing.check import main
from nexy_core.testing.kit import Rule, check_plugin
from nexy_core.testing.kit.rules import Finding, Report

HEAD = """
import asyncio, subprocess, sys, threading, time
import attrs
from nexy_core import *
from nexy_core import hookimpl

GOOD = AudioChunk(b"\\0\\1" * 100)
{before}

class Voice(SpeechSynthesizer):
    def __init__(self):
        self.busy = 0

{body}

@hookimpl
def nexy_capabilities(settings):
    return [Voice()]
"""
SPEAK = """
async def process(self, request):
    for _ in range(3):
        await asyncio.sleep(0.002)
        yield GOOD
"""
# For each rule: what the plugin's class (and its module) does wrong.
BAD_BODIES = {
    Rule.STATUS: SPEAK
    + """
def status(self):
    return "fine"
""",
    Rule.INITIALIZE: SPEAK
    + """
async def initialize(self):
    raise RuntimeError("no engine")
""",
    Rule.EVENTS: """
async def process(self, request):
    await asyncio.sleep(0.002)
    yield AudioChunk(b"\\0" * 101)
""",
    Rule.CANCEL: """
async def process(self, request):
    try:
        for _ in range(3):
            await asyncio.sleep(0.002)
            yield GOOD
    finally:
        await asyncio.sleep(0.2)
""",
    Rule.SWALLOW: """
async def process(self, request):
    try:
        await asyncio.sleep(0.05)
        yield GOOD
    except asyncio.CancelledError:
        return
""",
    Rule.LOOP: """
async def process(self, request):
    await asyncio.sleep(0.002)
    time.sleep(0.08)
    yield GOOD
""",
    Rule.TOGETHER: """
async def process(self, request):
    if self.busy:
        raise Unavailable("One at a time.")
    self.busy += 1
    try:
        await asyncio.sleep(0.01)
        yield GOOD
    finally:
        self.busy -= 1
""",
    Rule.ERRORS: """
async def process(self, request):
    await asyncio.sleep(0.002)
    if not request.spoken.strip():
        raise KeyError("nothing to say")
    yield GOOD
""",
    Rule.LEFTOVERS: """
async def process(self, request):
    self.watch = asyncio.create_task(asyncio.sleep(3))
    await asyncio.sleep(0.002)
    yield GOOD
""",
    Rule.CLEANUP: SPEAK
    + """
async def initialize(self):
    self.engine = object()

async def cleanup(self):
    del self.engine
""",
}
BAD_MODULES = {
    Rule.PUBLIC_API: "from nexy_core.events import Fact",
    Rule.SETTINGS: """
@hookimpl
def nexy_settings():
    return [Setting("bad.volume", int, 5, "  ")]
""",
    Rule.LOADS: """
@hookimpl
def nexy_capabilites(settings):
    return []
""",
    Rule.IMPORTS: "print('hello')",
}
MORE_LEFTOVERS = {
    "thread": """
async def initialize(self):
    self.stop = threading.Event()
    threading.Thread(target=self.stop.wait, args=(4,), daemon=True).start()
""",
    "process": """
async def initialize(self):
    self.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(4)"])
""",
}


def test_there_is_a_bad_plugin_for_every_rule():
    assert {*BAD_BODIES, *BAD_MODULES, Rule.REQUIRES_CORE} == set(Rule)


@pytest.fixture
def write_plugin(tmp_path, monkeypatch):
    """A plugin's module on the import path, for this process and its children."""

    def write(name, body=SPEAK, before=""):
        source = HEAD.format(before=textwrap.dedent(before), body=textwrap.indent(textwrap.dedent(body), "    "))
        (tmp_path / f"{name}.py").write_text(source)
        return f"bad={name}"

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return write


def test_a_good_plugin_keeps_every_rule(write_plugin):
    report = check_plugin(write_plugin("good_voice"))
    assert report.ok, str(report)
    assert {finding.rule for finding in report.findings} == set(Rule) - {Rule.REQUIRES_CORE}


@pytest.mark.parametrize("rule", BAD_BODIES, ids=lambda rule: rule.code)
def test_a_plugin_that_breaks_one_rule_breaks_that_one(write_plugin, rule):
    report = check_plugin(write_plugin(f"bad_voice_{rule.code}", BAD_BODIES[rule]))
    assert report.broken == {rule}, str(report)


@pytest.mark.parametrize("rule", BAD_MODULES, ids=lambda rule: rule.code)
def test_a_module_that_breaks_one_rule_breaks_that_one(write_plugin, rule):
    report = check_plugin(write_plugin(f"bad_module_{rule.code}", before=BAD_MODULES[rule]))
    assert report.broken == {rule}, str(report)


@pytest.mark.parametrize("kind", MORE_LEFTOVERS)
def test_what_cleanup_leaves_is_named(write_plugin, kind):
    report = check_plugin(write_plugin(f"leaves_{kind}", SPEAK + MORE_LEFTOVERS[kind]))
    assert report.broken == {Rule.LEFTOVERS}
    assert f"after cleanup: {kind}" in str(report)


def test_threads_started_at_import_are_seen(write_plugin):
    before = "threading.Thread(target=time.sleep, args=(2,), daemon=True).start()"
    assert check_plugin(write_plugin("threaded", before=before)).broken == {Rule.IMPORTS}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("fine", set()), ("unbounded", {Rule.REQUIRES_CORE}), ("without", {Rule.REQUIRES_CORE})],
)
def test_the_wheels_requirement_on_the_core(write_plugin, tmp_path, name, expected):
    """With installed metadata, as a wheel leaves it."""
    entry = write_plugin(f"wheel_{name}")
    requirement = {"fine": "nexy-core>=0.1,<0.2", "unbounded": "nexy-core>=0.1", "without": "attrs"}[name]
    info = tmp_path / f"acme_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 1.0\nRequires-Dist: {requirement}\n"
    )
    (info / "entry_points.txt").write_text(f"[nexy.plugins]\nacme_{name} = {entry.partition('=')[2]}\n")
    assert check_plugin(f"acme_{name}").broken == expected


def test_the_report_says_what_was_seen_where_and_how_to_mend_it(write_plugin, capsys):
    assert main([write_plugin("reported", BAD_BODIES[Rule.EVENTS])]) == 1
    printed = capsys.readouterr().out
    assert "BROKEN  events" in printed
    assert "an audio chunk of 101 bytes (reported.Voice.process)" in printed
    assert Rule.EVENTS.remedy in printed


@pytest.mark.parametrize("arguments", [[], ["--help"], ["ghost"], ["interrupt", "nothing"], ["interrupt", "x.y=1"]])
def test_nothing_to_check_is_exit_code_2(arguments, capsys):
    assert main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_settings_reach_the_plugin(write_plugin):
    before = """
@hookimpl
def nexy_settings():
    return [Setting("bad.size", int, 101, "Bytes.", minimum=1)]
"""
    body = """
def settings(self, settings):
    return self
"""
    entry = write_plugin("sized", SPEAK + body, before)
    assert check_plugin(entry, {"bad.size": "100"}).ok
    with pytest.raises(ConfigError, match=r"bad\.size"):
        check_plugin(entry, {"bad.size": "0"})


def test_a_report_counts_a_rule_once_however_many_findings():
    findings = (Finding(Rule.STATUS), Finding(Rule.STATUS, "slow"), Finding(Rule.STATUS, "slow"))
    report = Report("acme", "1.0", findings)
    assert (report.ok, report.broken) == (False, {Rule.STATUS})
    assert str(report).count("BROKEN  status") == 1
