"""The gates of a change refuse what the canon refuses, and say what is missing."""

import importlib.util
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CORE = "nexy_core/src/nexy_core"
GOOD = {
    "summary": "Sessions live longer",
    "axes": ["backpressure", "state"],
    "factors": {"memory": ["on", "off"], "client": ["new", "old"], "reconnect": ["early", "late"]},
    "scenarios": [
        {"memory": memory, "client": client, "reconnect": reconnect}
        for memory in ("on", "off")
        for client in ("new", "old")
        for reconnect in ("early", "late")
    ],
    "negative_tests": ["tests/test_x.py::test_refused"],
}


@pytest.fixture(scope="module")
def gates():
    spec = importlib.util.spec_from_file_location("gates", ROOT / ".ci" / "gates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def axes(gates):
    return gates.read_axes((ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8"))


def test_the_axes_of_the_canon_are_all_there(axes):
    names = {axis.name for axis in axes}
    assert names == {"protocol", "updates", "backpressure", "observability", "configuration", "state"}
    assert all(axis.documents and axis.paths for axis in axes)


def test_a_small_change_of_no_axis_needs_nothing(gates, axes):
    assert list(gates.problems({f"{CORE}/language.py": 60, "tests/test_language.py": 200}, axes, None)) == []


@pytest.mark.parametrize("lines", [{f"{CORE}/language.py": 61}, {f"{CORE}/language.py": 1, f"{CORE}/streams.py": 1}])
def test_a_large_change_needs_its_impact(gates, axes, lines):
    (problem,) = gates.problems(lines, axes, None)
    assert "needs its own change_impact.yaml" in problem
    stale = list(gates.problems(lines, axes, GOOD))  # the file is there, from an earlier change
    assert stale == [problem]


def test_generated_code_does_not_make_a_change_large(gates, axes):
    changed = {f"{CORE}/proto/streaming_pb2.py": 900, "docs/protocol.md": 1}
    assert list(gates.problems(changed, axes, None)) == []


def test_an_axis_needs_its_document(gates, axes):
    (problem,) = gates.problems({f"{CORE}/backpressure.py": 3}, axes, None)
    assert "axis backpressure" in problem
    assert "docs/backpressure.md" in problem
    assert list(gates.problems({f"{CORE}/backpressure.py": 3, "docs/backpressure.md": 1}, axes, None)) == []


@pytest.mark.parametrize(
    ("file", "document"),
    [
        ("proto/nexy_core/proto/streaming.proto", "docs/protocol.md"),
        (f"{CORE}/core_settings.py", "docs/configuration.md"),
    ],
)
def test_protocol_and_matrix_need_a_record(gates, axes, file, document):
    changed = {file: 1, document: 1}
    (problem,) = gates.problems(changed, axes, None)
    assert "decision record" in problem
    assert list(gates.problems({**changed, "docs/decisions/0042-why.md": 9}, axes, None)) == []


def large(**more):
    files = [f"{CORE}/backpressure.py", f"{CORE}/sessions.py", "docs/backpressure.md", "docs/state-catalogue.md"]
    return {**dict.fromkeys([*files, "change_impact.yaml"], 50), **more}


def test_a_good_impact_passes(gates, axes):
    assert list(gates.problems(large(), axes, GOOD)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"summary": " "}, "summary is empty"),
        ({"axes": ["state"]}, "axes lacks backpressure"),
        ({"scenarios": GOOD["scenarios"][:7]}, "scenarios has 7"),
        ({"scenarios": ["some words"] * 8}, "scenario 1 is not one value of each factor"),
        ({"scenarios": GOOD["scenarios"] * 2}, "scenarios has 16"),
        ({"scenarios": [*GOOD["scenarios"][1:], {"memory": "on"}]}, "scenario 8 is not one value of each factor"),
        ({"scenarios": [*GOOD["scenarios"][1:], {**GOOD["scenarios"][0], "client": "odd"}]}, "scenario 8 is not"),
        ({"scenarios": [*GOOD["scenarios"][:6], *GOOD["scenarios"][:2]]}, "no scenario has memory off with client old"),
        ({"negative_tests": []}, "negative_tests is empty"),
        ({"negative_test": ["x"]}, "there is no field negative_test"),
    ],
)
def test_a_poor_impact_is_refused(gates, axes, change, expected):
    (problem,) = gates.problems(large(), axes, {**GOOD, **change})
    assert expected in problem


def test_more_than_two_axes_go_under_a_flag(gates, axes):
    changed = large(**{f"{CORE}/flags.py": 5, "docs/configuration.md": 1})
    impact = {**GOOD, "axes": ["backpressure", "state", "configuration"]}
    found = list(gates.problems(changed, axes, impact))
    assert [word for word in ("flag", "kill_switch", "canary") for line in found if f": {word} must" in line] == [
        "flag",
        "kill_switch",
        "canary",
    ]
    flagged = {
        "flag": "features.forward_assistant_actions",
        "kill_switch": "kill_switches.disable_forward_assistant_actions",
        "canary": [1, 25, 50, 100],
    }
    assert list(gates.problems(changed, axes, {**impact, **flagged})) == []
    (unknown, _) = gates.problems(changed, axes, {**impact, **flagged, "flag": "features.x", "kill_switch": "x"})
    assert "feature of the registry" in unknown
    (foreign,) = gates.problems(
        changed, axes, {**impact, **flagged, "kill_switch": "kill_switches.disable_module_coordinator"}
    )
    assert "the flag's own" in foreign


def test_a_flag_that_is_unknown_or_out_of_date_is_refused(gates):
    today = date(2026, 1, 1)
    assert list(gates.flag_problems(['settings.get("features.use_module_coordinator", bool)'], today)) == []
    (unknown,) = gates.flag_problems(['settings.get("features.unheard_of", bool)'], today)
    assert "features.unheard_of is named in the code" in unknown
    stale = list(gates.flag_problems([], date(2028, 1, 1)))
    assert [line.split()[0] for line in stale] == ["features.forward_assistant_actions"]


def test_a_negative_test_that_is_not_there_is_refused(gates):
    there = f"tests/test_gates.py::{test_a_negative_test_that_is_not_there_is_refused.__name__}"
    named = [there, "tests/test_gates.py::test_nothing", "tests/test_nothing.py::test_x", "some words"]
    assert list(gates.missing_tests(ROOT, named)) == [
        f"change_impact.yaml: there is no test {test}" for test in named[1:]
    ]


def test_the_form_in_the_rules_is_one_that_passes(gates, axes):
    page = (ROOT / "docs" / "development-rules.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    impact = yaml.safe_load(example)
    assert list(gates.impact_problems(impact, set(impact["axes"]))) == []
    assert list(gates.rollout_problems(impact)) == []
    assert list(gates.missing_tests(ROOT, impact["negative_tests"])) == []


def test_a_large_change_tells_of_the_state(gates, axes):
    changed = {file: lines for file, lines in large().items() if file != f"{CORE}/sessions.py"}
    del changed["docs/state-catalogue.md"]
    (problem,) = gates.problems({**changed, f"{CORE}/language.py": 30}, axes, GOOD)
    assert "docs/state-catalogue.md" in problem


def test_the_command_looks_at_a_real_repository(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    (tmp_path / ".github").mkdir()
    owners = (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8")
    (tmp_path / ".github" / "CODEOWNERS").write_text(owners, encoding="utf-8")
    (tmp_path / "proto").mkdir()
    (tmp_path / "proto" / "x.proto").write_text("old", encoding="utf-8")
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.importlinter]\nroot_packages = ["a"]\n', encoding="utf-8")
    git("add", "-A")
    git("commit", "-m", "first")

    def run():
        command = [sys.executable, ROOT / ".ci" / "gates.py", "main"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    (tmp_path / "proto" / "x.proto").write_text("new", encoding="utf-8")
    refused = run()
    assert refused.returncode == 1
    assert "axis protocol is touched" in refused.stderr
    (tmp_path / "proto" / "x.proto").write_text("old", encoding="utf-8")
    project.write_text(project.read_text(encoding="utf-8") + "[tool.other]\n", encoding="utf-8")
    assert run().returncode == 0
    project.write_text('[tool.importlinter]\nroot_packages = ["a", "b"]\n', encoding="utf-8")
    assert "the boundaries in pyproject.toml changed" in run().stderr
