"""Every command that a document shows is followed by a test, or it is said why it is not; those in passing exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guides.reading import section, steps

ROOT = Path(__file__).parent.parent
MEMBERS = [ROOT / "nexy_core" / "README.md", *sorted((ROOT / "plugins").glob("*/README.md"))]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *MEMBERS, ROOT / "examples" / "README.md"]

# Each command of these pages, as it is written, in order, its output compared.
FOLLOWED = {
    "docs/configuration.md": "tests/guides/test_operator_pages.py",
    "docs/deployment.md": "tests/guides/test_deployment_guide.py",
    "docs/health-and-ci.md": "tests/guides/test_operator_pages.py",
    "docs/plugins.md": "tests/plugins/test_tutorial.py",
    "docs/troubleshooting-502.md": "tests/guides/test_operator_pages.py",
    "docs/updates.md": "tests/guides/test_operator_pages.py",
}
ELSEWHERE = {
    "uv run nexy serve": "tests/guides/test_readme.py",
    'uv run nexy ask "What is the capital of France?"': "tests/guides/test_readme.py",
    "nexy serve": "tests/e2e/test_real_turns.py",
    "nexy doctor": "plugins/nexy_llm/tests/test_doctor.py",
    "nexy config check": "tests/guides/test_operator_pages.py",
    "nexy updates keygen sparkle.key": "tests/guides/test_operator_pages.py",
    "nexy updates publish Nexy.dmg --version 2.0.0.33 --rollout 1 --key sparkle.key": "plugins/nexy_updates/tests",
    "nexy updates promote 2.0.0.33 --key sparkle.key": "plugins/nexy_updates/tests",
    "nexy voices list --all ru": "plugins/nexy_tts/tests/test_commands.py",
    "nexy voices get ru_RU-irina-medium": "plugins/nexy_tts/tests/test_commands.py",
    "nexy voices try ru_RU-irina-medium --out irina.wav": "plugins/nexy_tts/tests/test_commands.py",
    "nexy plugins check examples/nexy-espeak": "tests/plugins/test_examples.py",
    "uv pip install examples/nexy-espeak": "tests/plugins/test_examples.py",
}
NOT_RUN = {
    "it runs this very test": r"uv run nox",
    "needs an account, a model server or a released package": r"NEXY_LLM__MODEL=.*|pip install .*|export NEXY_.*",
}
SECTIONS_FOLLOWED = ("Install", "Open the door", "Upgrade and roll back")
INLINE = re.compile(r"`(?:uv run )?(nexy|nox) ([^`]+)`")


def name_of(page):
    return str(page.relative_to(ROOT))


def commands(page):
    return [command for command, _ in steps(page.read_text(encoding="utf-8"))]


def test_every_command_is_accounted_for():
    reasons = re.compile("|".join(f"(?:{pattern})" for pattern in NOT_RUN.values()))
    others = {command for page in PAGES if name_of(page) not in FOLLOWED for command in commands(page)}
    assert [command for command in others if command not in ELSEWHERE and not reasons.fullmatch(command)] == []
    assert [command for command in ELSEWHERE if command not in others] == []
    assert [place for place in [*ELSEWHERE.values(), *FOLLOWED.values()] if not (ROOT / place).exists()] == []


def test_no_command_of_the_deployment_page_stands_outside_what_is_followed():
    page = ROOT / "docs" / "deployment.md"
    text = page.read_text(encoding="utf-8")
    assert commands(page) == [command for heading in SECTIONS_FOLLOWED for command, _ in steps(section(text, heading))]


def mentioned(program):
    """Commands named in passing, with the page that names them."""
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]:
        found = INLINE.findall(page.read_text(encoding="utf-8"))
        yield from ((name_of(page), rest) for name, rest in found if name == program)


def test_every_session_named_in_passing_exists():
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-l"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    sessions = set(re.findall(r"^[-*] (\w+)", listed, re.MULTILINE))
    named = {re.match(r"-s \"?(\w+)", rest)[1] for _, rest in mentioned("nox") if rest.startswith("-s ")}
    assert named
    assert named - sessions == set()


def help_of(words):
    done = subprocess.run(
        [sys.executable, "-m", "nexy_core", *words, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout if done.returncode == 0 else ""


def test_every_nexy_command_named_in_passing_has_the_options_it_is_shown_with():
    wrong, helps = [], {}
    for page, rest in mentioned("nexy"):
        words = shlex.split(rest.partition("|")[0])
        path = tuple(word for word in words[:2] if re.fullmatch(r"[a-z]+", word))
        for known in (path, path[:1]):
            if known not in helps:
                helps[known] = help_of(known)
        text = helps[path] or helps[path[:1]]
        options = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
        wrong += [f"{page}: nexy {rest}" for option in options or [""] if not text or option not in text]
    assert wrong == []


@pytest.mark.parametrize("page", sorted(FOLLOWED))
def test_a_followed_page_has_commands(page):
    assert commands(ROOT / page)
