"""What the repository promises about itself."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PLUGINS = tuple(sorted((ROOT / "plugins").iterdir()))
MEMBERS = (ROOT / "nexy_core", ROOT / "nexy_sdk", *PLUGINS)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MACHINE_PATH = re.compile(r"/(?:tmp/wt|work/(?:main|shared)|root/|home/[a-z]+/)")
INDEX_SETTING = re.compile(r"index-url|extra-index|find-links|\[\[tool\.uv\.index\]\]|^-[if] ", re.MULTILINE)
GPL_MEMBERS = {"nexy-tts"}


def tracked(*patterns):
    """Files of the repository, as git has or would have them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def project(member):
    return tomllib.loads((member / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def anchors(page):
    """The anchors of a page's headings, as GitHub and the documentation's builder make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", tracked("*.md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_pages_resolves(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_no_file_names_this_machine_or_a_package_index():
    found = []
    for path in tracked():
        if path == Path(__file__) or path.suffix in {".gguf", ".onnx", ".png", ".svg", ".wav"}:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {match}" for match in MACHINE_PATH.findall(text)]
        if path.name in {"pyproject.toml", "requirements.lock", "uv.toml", ".pre-commit-config.yaml"}:
            found += [f"{path.relative_to(ROOT)}: {match}" for match in INDEX_SETTING.findall(text)]
    assert not found


def test_the_locked_requirements_hold_no_address_and_a_hash_for_each_pin():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if "==" in entry]
    assert len(entries) > 100
    assert not [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]


def test_uv_lock_is_not_in_the_repository():
    assert ROOT / "uv.lock" not in tracked()


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
class TestMember:
    def test_is_a_wheel_of_its_own_with_all_that_belongs_to_it(self, member):
        package = member / "src" / member.name
        for needed in ("README.md", "CHANGELOG.md", "LICENSE", "tests"):
            assert (member / needed).exists(), needed
        assert (package / "py.typed").exists()
        assert project(member)["name"] == member.name.replace("_", "-")

    def test_the_changelog_tells_of_its_version(self, member):
        assert f"## {project(member)['version']}" in (member / "CHANGELOG.md").read_text(encoding="utf-8")

    def test_the_licence_is_the_one_it_says(self, member):
        text = (member / "LICENSE").read_text(encoding="utf-8")
        gpl = project(member)["name"] in GPL_MEMBERS
        assert project(member)["license"] == ("GPL-3.0-or-later" if gpl else "Apache-2.0")
        assert ("GNU GENERAL PUBLIC LICENSE" if gpl else "Apache License") in text

    def test_every_other_bounds_the_core_it_works_with(self, member):
        if member.name == "nexy_core":
            return
        (core,) = [line for line in project(member)["dependencies"] if line.startswith("nexy-core")]
        assert re.fullmatch(r"nexy-core>=[\d.]+,<[\d.]+", core)

    def test_it_is_found_by_its_entry_point(self, member):
        if member not in PLUGINS:
            return
        role = member.name.removeprefix("nexy_")
        assert project(member)["entry-points"]["nexy.plugins"] == {role: f"{member.name}.plugin"}


def test_the_root_lists_every_member_or_uv_sync_would_install_none():
    root = project(ROOT)
    assert {project(member)["name"] for member in (ROOT / "nexy_core", *PLUGINS)} <= set(root["dependencies"])


def test_what_writes_new_plugins_comes_with_a_clone_and_never_with_a_server():
    tree = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "nexy-core[sdk]" in tree["dependency-groups"]["dev"]
    assert not [line for line in tree["project"]["dependencies"] if "sdk" in line]
    core = project(ROOT / "nexy_core")
    assert "nexy-sdk>=0.1,<0.2" in core["optional-dependencies"]["sdk"]
    assert not [line for line in core["dependencies"] if "sdk" in line]


def test_the_wire_contract_exists_once():
    assert [path.relative_to(ROOT).as_posix() for path in tracked("*.proto")] == [
        "proto/nexy_core/proto/streaming.proto"
    ]


def test_each_axis_has_one_owner_and_its_paths_exist():
    lines = (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 2 for row in rows)
    missing = [path for path, _ in rows if not (ROOT / path.lstrip("/")).exists()]
    assert not missing
    owners = {"protocol": "@grpc-core", "updates": "@release-ops", "backpressure": "@reliability"}
    owners |= {"health-and-ci": "@sre-duty", "configuration": "@server-platform", "state-catalogue": "@client-lead"}
    documents = dict(row for row in rows if row[0].startswith("/docs/"))
    assert {name: documents[f"/docs/{name}.md"] for name in owners} == owners


def test_each_decision_record_says_what_the_template_asks_for():
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert records
    index = (ROOT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert len(text.splitlines()) >= 7, record.name
        for part in ("Status:", "## Context", "## Decision", "## Consequences"):
            assert part in text, f"{record.name} lacks {part}"
        assert f"({record.name})" in index, f"{record.name} is not in the index"


def test_the_workflow_runs_the_documented_checks_and_the_gates_block():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8"))
    runs = [step["run"] for step in workflow["jobs"]["checks"]["steps"] if "run" in step]
    assert ".ci/run" in runs
    gates = next(run for run in runs if "nox -s gates" in run)
    assert gates == 'uv run nox -s gates -- "origin/$GITHUB_BASE_REF"'
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("continue-on-error" in step for step in workflow["jobs"]["checks"]["steps"])


def test_the_pull_request_form_asks_for_what_the_rules_ask():
    form = (ROOT / ".github" / "pull_request_template.md").read_text(encoding="utf-8")
    for asked in ("Document updated (link)", "change_impact.yaml", "kill switch", "ADR", "negative tests"):
        assert asked in form


def test_the_script_for_ci_is_sound_shell():
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=False).returncode == 0
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
