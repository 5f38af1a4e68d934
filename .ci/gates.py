"""The gates of a change (C1, C2, C27, C28): `python .ci/gates.py [BASE]` compares HEAD and the working tree with BASE.

An axis that is touched has its document touched; a change of the protocol, the settings matrix or the boundaries leaves
a decision record; a large change carries a change_impact.yaml (docs/development-rules.md has its form).
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import yaml

SMALL_FILES = 1
SMALL_LINES = 60
FREE_AXES = 2
SCENARIOS = range(8, 15)
CANARY = [1, 25, 50, 100]
IMPACT = "change_impact.yaml"
CATALOGUE = "docs/state-catalogue.md"
RECORD = re.compile(r"docs/decisions/\d{4}-.*\.md")
NEEDS_RECORD = ("proto/", "nexy_core/src/nexy_core/core_settings")
SOURCE = re.compile(r"(?:nexy_core|plugins/\w+)/src/.*\.py")
GENERATED = re.compile(r".*_pb2(_grpc)?\.pyi?")


@attrs.frozen
class Axis:
    """One part of CODEOWNERS: what belongs to it, and its documents."""

    name: str
    paths: tuple[str, ...]
    documents: tuple[str, ...]

    def holds(self, file: str) -> bool:
        return any(file == path or (path.endswith("/") and file.startswith(path)) for path in self.paths)


def read_axes(codeowners: str) -> list[Axis]:
    """The axes, each from its ``# axis: NAME`` line to the next."""
    axes = []
    for part in re.split(r"^# axis: ", codeowners, flags=re.MULTILINE)[1:]:
        name, _, rows = part.partition("\n")
        paths = [row.split()[0].lstrip("/") for row in rows.splitlines() if row.startswith("/")]
        documents = tuple(path for path in paths if path.startswith("docs/"))
        axes.append(Axis(name.strip(), tuple(path for path in paths if path not in documents), documents))
    return axes


def problems(changed: Mapping[str, int], axes: Iterable[Axis], impact: object) -> Iterator[str]:
    """What is missing. ``changed`` has the changed lines of each file; ``impact`` is change_impact.yaml, or None."""
    touched = [axis for axis in axes if any(axis.holds(file) for file in changed)]
    for axis in touched:
        if not changed.keys() & set(axis.documents):
            yield f"axis {axis.name} is touched and none of its documents: {', '.join(axis.documents)}"
    if any(file.startswith(NEEDS_RECORD) for file in changed) and not any(map(RECORD.fullmatch, changed)):
        yield "the protocol or the settings matrix changed without a decision record: docs/decisions/template.md"
    source = {file: lines for file, lines in changed.items() if SOURCE.fullmatch(file) and not GENERATED.match(file)}
    if len(source) > SMALL_FILES or sum(source.values()) > SMALL_LINES:
        if IMPACT not in changed or not isinstance(impact, Mapping):
            yield f"a large change ({len(source)} source files, {sum(source.values())} lines) needs its own {IMPACT}"
            return
        if CATALOGUE not in changed:
            yield f"a large change says what it does to the state: {CATALOGUE}"
        yield from impact_problems(impact, {axis.name for axis in touched})


def impact_problems(impact: Mapping[str, Any], touched: set[str]) -> Iterator[str]:
    """What is wrong with a change_impact.yaml for a change of these axes."""
    if not str(impact.get("summary") or "").strip():
        yield f"{IMPACT}: summary is empty"
    if missing := touched - set(impact.get("axes") or ()):
        yield f"{IMPACT}: axes lacks {', '.join(sorted(missing))}"
    if (count := len(impact.get("scenarios") or ())) not in SCENARIOS:
        yield f"{IMPACT}: scenarios has {count} entries, not {SCENARIOS[0]} to {SCENARIOS[-1]}"
    if not impact.get("negative_tests"):
        yield f"{IMPACT}: negative_tests is empty"
    if len(touched) > FREE_AXES:
        yield from rollout_problems(impact)


def rollout_problems(impact: Mapping[str, Any]) -> Iterator[str]:
    """What is missing for a change that goes out step by step."""
    why = f"more than {FREE_AXES} axes are touched"
    if not str(impact.get("flag", "")).startswith("features."):
        yield f"{IMPACT}: flag must name a feature: {why}"
    if not str(impact.get("kill_switch", "")).startswith("kill_switches."):
        yield f"{IMPACT}: kill_switch must name one: {why}"
    if impact.get("canary") != CANARY:
        yield f"{IMPACT}: canary must be {CANARY}: {why}"


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def changed_lines(root: Path, base: str) -> dict[str, int]:
    """Lines added and removed in each file since ``base``, the working tree included; a binary file counts as one."""
    rows = (row.split("\t") for row in git(root, "diff", "--numstat", "--no-renames", base).splitlines())
    return {file: 1 if added == "-" else int(added) + int(removed) for added, removed, file in rows}


def main(arguments: list[str], root: Path = Path()) -> int:
    base = arguments[0] if arguments else "main"
    base = git(root, "merge-base", base, "HEAD").strip()
    axes = read_axes((root / ".github" / "CODEOWNERS").read_text(encoding="utf-8"))
    impact = yaml.safe_load((root / IMPACT).read_text(encoding="utf-8")) if (root / IMPACT).exists() else None
    found = list(problems(changed_lines(root, base), axes, impact))
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
