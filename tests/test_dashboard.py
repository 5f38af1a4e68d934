"""The dashboard and the alerts ask for figures that a real server exposes, with the labels it gives them."""

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml
from nexy_core.core_settings import core_settings
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parent.parent
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "nexy.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "nexy.rules.yml").read_text(encoding="utf-8"))
QUERY = re.compile(r"\b(nexy_\w+)(?:\{([^}]*)\})?")
PROMTOOL = shutil.which("promtool")
NAMED_BY_THE_CANON = {"nexy_p95_latency_ms"}
MATCHER = re.compile(r"(\w+)(=~|!=|=)\"([^\"]*)\"")


def alerts():
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def expressions():
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return panels + [rule["expr"] for rule in alerts()]


@pytest.fixture(scope="module")
def exposition(tmp_path_factory):
    """What a real server exposes."""
    environ = {"NEXY_PLUGINS__MODULES": json.dumps(modules())}
    with (
        ServerProcess(tmp_path_factory.mktemp("dashboard"), environ) as server,
        urllib.request.urlopen(f"{server.http}/metrics", timeout=10) as answer,
    ):
        return answer.read().decode()


@pytest.fixture(scope="module")
def exposed(exposition):
    """The labels of every exposed sample, by name."""
    found = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def matches(labels, conditions):
    tests = {"=": lambda a, b: a == b, "!=": lambda a, b: a != b, "=~": lambda a, b: re.fullmatch(b, a) is not None}
    return all(tests[how](labels.get(name, ""), value) for name, how, value in MATCHER.findall(conditions))


@pytest.mark.parametrize("expression", expressions())
def test_every_query_finds_something(exposed, expression):
    asked = QUERY.findall(expression)
    assert asked or expression.startswith("up{")
    for name, conditions in asked:
        assert name in exposed, f"{name} is not exposed"
        assert any(matches(labels, conditions) for labels in exposed[name]), f"nothing has {conditions}"


@pytest.mark.skipif(not PROMTOOL, reason="needs promtool: apt-get install prometheus")
def test_the_exposition_keeps_prometheus_own_conventions(exposition):
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=exposition, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert {line.split()[0] for line in said.splitlines()} <= NAMED_BY_THE_CANON, said


def test_what_is_grouped_by_is_a_label(exposed):
    for expression in expressions():
        for labels in re.findall(r"by \(([^)]*)\)", expression):
            (name, _), *_ = QUERY.findall(expression)
            assert {label.strip() for label in labels.split(",")} <= exposed[name][0].keys()


def test_the_limits_are_the_settings(exposed):
    defaults = {setting.key: setting.default for setting in core_settings()}
    limits = {rule["alert"]: float(rule["expr"].rpartition(">")[2]) for rule in alerts() if ">" in rule["expr"]}
    assert limits["NexySlow"] == defaults["slo.p95_latency_ms"]
    assert limits["NexyErrors"] == defaults["slo.error_rate"]
    assert limits["NexyRefuses"] == defaults["slo.refusal_rate"]


def test_every_alert_says_what_and_where_to_look():
    for rule in alerts():
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["look"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_panels_do_not_overlap_and_have_a_title():
    taken = set()
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        taken |= cells
