"""The gates of a change (C1, C2, C27, C28): `python .ci/gates.py [BASE]` compares HEAD and the working tree with BASE.

An axis that is touched has its document touched; a change of the protocol, the settings matrix or the boundaries leaves
a decision record; a large change carries a change_impact.yaml (docs/development-rules.md has its form); no feature flag
is unknown or has outlived its date.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import combinations, product
from pathlib import Path
from typing import Any

import attrs
import yaml
from nexy_core.flags import CANARY_STEPS, FLAGS, expired

SMALL_FILES = 1
SMALL_LINES = 60
FREE_AXES = 2
SCENARIOS = range(8, 15)
IMPACT = "change_impact.yaml"
CATALOGUE = "docs/state-catalogue.md"
RECORD = re.compile(r"docs/decisions/\d{4}-.*\.md")
MODULES = ("nexy_core/src/nexy_core/hookspecs.py", "nexy_core/src/nexy_core/capability.py")
NEEDS_RECORD = ("proto/", "nexy_core/src/nexy_core/core_settings", *MODULES)
FLAG = re.compile(r"\bfeatures\.([a-z_]+)\b")
SOURCE = re.compile(r"(?:nexy_core|plugins/\w+)/src/.*\.py")
FIELDS = {"summary", "axes", "factors", "scenarios", "negative_tests", "flag", "kill_switch", "canary"}
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
        yield "protocol, settings or the form of a module changed without a decision record: docs/decisions/template.md"
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
    if unknown := impact.keys() - FIELDS:
        yield f"{IMPACT}: there is no field {', '.join(sorted(unknown))}"
    if not str(impact.get("summary") or "").strip():
        yield f"{IMPACT}: summary is empty"
    if missing := touched - set(impact.get("axes") or ()):
        yield f"{IMPACT}: axes lacks {', '.join(sorted(missing))}"
    yield from scenario_problems(impact.get("factors") or {}, impact.get("scenarios") or [])
    if not impact.get("negative_tests"):
        yield f"{IMPACT}: negative_tests is empty"
    if len(touched) > FREE_AXES:
        yield from rollout_problems(impact)


def scenario_problems(factors: Mapping[str, list[object]], scenarios: list[Any]) -> Iterator[str]:
    """Each scenario has one value of every factor, and each two values of two factors meet in a scenario."""
    if len(scenarios) not in SCENARIOS:
        yield f"{IMPACT}: scenarios has {len(scenarios)} entries, not {SCENARIOS[0]} to {SCENARIOS[-1]}"
    for number, scenario in enumerate(scenarios, 1):
        if not (isinstance(scenario, Mapping) and fits(scenario, factors)):
            yield f"{IMPACT}: scenario {number} is not one value of each factor"
            return
    for one, other in combinations(factors, 2):
        met = {(scenario[one], scenario[other]) for scenario in scenarios}
        for pair in product(factors[one], factors[other]):
            if pair not in met:
                yield f"{IMPACT}: no scenario has {one} {pair[0]} with {other} {pair[1]}"


def fits(scenario: Mapping[str, object], factors: Mapping[str, list[object]]) -> bool:
    return scenario.keys() == factors.keys() and all(scenario[name] in values for name, values in factors.items())


def rollout_problems(impact: Mapping[str, Any]) -> Iterator[str]:
    """What is missing for a change that goes out step by step."""
    why = f"more than {FREE_AXES} axes are touched"
    flag = FLAGS.get(str(impact.get("flag", "")).removeprefix("features."))
    if flag is None or impact.get("flag") != flag.key:
        yield f"{IMPACT}: flag must name a feature of the registry (nexy_core/flags.py): {why}"
    if impact.get("kill_switch") not in {known.kill_switch for known in ([flag] if flag else FLAGS.values())}:
        yield f"{IMPACT}: kill_switch must be the flag's own: {why}"
    if impact.get("canary") != list(CANARY_STEPS):
        yield f"{IMPACT}: canary must be {list(CANARY_STEPS)}: {why}"


def flag_problems(sources: Iterable[str], today: date) -> Iterator[str]:
    """Flags that have outlived their date, and those that no registry knows."""
    for flag in expired(today):
        yield f"{flag.key} expired on {flag.expires}: decide, and take it out of the code"
    named = {name for text in sources for name in FLAG.findall(text)}
    for name in sorted(named - FLAGS.keys()):
        yield f"features.{name} is named in the code and is not in the registry (nexy_core/flags.py)"


def missing_tests(root: Path, named: Iterable[str]) -> Iterator[str]:
    """The tests of a change_impact.yaml (``path::name``) that are not there."""
    for test in named:
        path, _, name = test.partition("::")
        file = root / path
        if not (name and file.is_file() and f"def {name}(" in file.read_text(encoding="utf-8")):
            yield f"{IMPACT}: there is no test {test}"


def boundaries(pyproject: str) -> tuple[object, object]:
    """Who may import what, and which wheels there are."""
    tool = tomllib.loads(pyproject).get("tool", {})
    return tool.get("importlinter"), tool.get("uv", {}).get("workspace")


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def changed_lines(root: Path, base: str) -> dict[str, int]:
    """Lines added and removed in each file since ``base``, the working tree included; a binary file counts as one."""
    rows = (row.split("\t") for row in git(root, "diff", "--numstat", "--no-renames", base).splitlines())
    return {file: 1 if added == "-" else int(added) + int(removed) for added, removed, file in rows}


def boundary_problems(root: Path, base: str, changed: Mapping[str, int]) -> Iterator[str]:
    """Boundaries that moved without a record of why."""
    if "pyproject.toml" not in changed or any(map(RECORD.fullmatch, changed)):
        return
    now = (root / "pyproject.toml").read_text(encoding="utf-8")
    if boundaries(now) != boundaries(git(root, "show", f"{base}:pyproject.toml")):
        yield "the boundaries in pyproject.toml changed without a decision record: docs/decisions/template.md"


def main(arguments: list[str], root: Path = Path()) -> int:
    base = git(root, "merge-base", arguments[0] if arguments else "main", "HEAD").strip()
    axes = read_axes((root / ".github" / "CODEOWNERS").read_text(encoding="utf-8"))
    impact = yaml.safe_load((root / IMPACT).read_text(encoding="utf-8")) if (root / IMPACT).exists() else None
    changed = changed_lines(root, base)
    sources = (path.read_text(encoding="utf-8") for path in root.glob("**/src/**/*.py"))
    found = [
        *problems(changed, axes, impact),
        *boundary_problems(root, base, changed),
        *(missing_tests(root, impact.get("negative_tests") or ()) if impact and IMPACT in changed else ()),
        *flag_problems(sources, datetime.now(UTC).date()),
    ]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
