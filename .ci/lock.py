"""Keep the exact pins: `[tool.uv] constraint-dependencies` in pyproject.toml, and requirements.lock with hashes.

Without an argument: check, and fail on a difference. `--update` rewrites both and keeps every pin that still serves;
`--upgrade` resolves to the newest versions first.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYPROJECT = ROOT / "pyproject.toml"
LOCKFILE = ROOT / "requirements.lock"
HEADER = "# Every dependency, pinned with its hashes. Made by `uv run nox -s lock -- --update`; do not edit.\n"
PINS = re.compile(r"^constraint-dependencies = \[\n(?:  .*\n)*\]\n", re.MULTILINE)
ADDRESS = re.compile(r"https?://|^-[if]|index-url|find-links| @ ", re.MULTILINE)
EXPORT = ("uv", "export", "--all-packages", "--all-groups", "--all-extras", "--no-emit-workspace")
Hashes = dict[str, set[str]]


class LockError(Exception):
    """What is wrong and what to do."""


def run(*command: str) -> str:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise LockError(f"{' '.join(command[:2])} failed:\n{result.stderr}")
    return result.stdout


def export(*options: str) -> str:
    return run(*EXPORT, "--no-header", "--no-annotate", "--quiet", *options)


def pins_block(requirements: str) -> str:
    """One pin a package; the marker stays only where a package is pinned twice."""
    lines = [line for line in requirements.splitlines() if line.strip()]
    names = [line.split("==")[0] for line in lines]
    pins = [line if names.count(name) > 1 else line.split(" ;")[0] for line, name in zip(lines, names, strict=True)]
    body = "".join(f'  "{pin}",\n' for pin in pins)
    return f"constraint-dependencies = [\n{body}]\n"


def read_pins(text: str) -> str:
    found = PINS.search(text)
    return found.group() if found else ""


def write_pins(block: str) -> None:
    text = PYPROJECT.read_text(encoding="utf-8")
    if read_pins(text):
        text = PINS.sub(lambda _: block, text, count=1)
    else:
        text = text.replace("[tool.uv.workspace]", f"{block}\n[tool.uv.workspace]", 1)
    PYPROJECT.write_text(text, encoding="utf-8")


def hashes(lock: str) -> Hashes:
    """Package and version with its hashes."""
    return dict(_entries(lock))


def _entries(lock: str) -> Iterator[tuple[str, set[str]]]:
    for entry in re.split(r"\n(?=[^\s#])", lock):
        words = entry.replace("\\\n", " ").split()
        if words and "==" in words[0]:
            head = " ".join(word for word in words if not word.startswith("--hash="))
            yield head, {word.removeprefix("--hash=") for word in words if word.startswith("--hash=")}


def differences(committed: Hashes, fresh: Hashes) -> Iterator[str]:
    """A file added to a version after it was locked is no difference; a changed or vanished one is."""
    for name in sorted(committed.keys() | fresh.keys()):
        if name not in committed:
            yield f"{name} is needed and not pinned"
        elif name not in fresh:
            yield f"{name} is pinned and not needed"
        elif not committed[name] <= fresh[name]:
            yield f"{name} has other hashes than the locked ones"


def check() -> None:
    run("uv", "lock", "--quiet")
    problems = list(differences(hashes(LOCKFILE.read_text(encoding="utf-8")), hashes(export())))
    if read_pins(PYPROJECT.read_text(encoding="utf-8")) != pins_block(export("--no-hashes")):
        problems.append("the pins in pyproject.toml are not those of requirements.lock")
    if problems:
        raise LockError("\n".join([*problems, "Run `uv run nox -s lock -- --update` and commit both files."]))


def update(*, upgrade: bool) -> None:
    if upgrade:
        write_pins("constraint-dependencies = [\n]\n")
    run("uv", "lock", "--quiet", *(["--upgrade"] if upgrade else []))
    write_pins(pins_block(export("--no-hashes")))
    lock = HEADER + export()
    if found := ADDRESS.search(lock):
        raise LockError(f"requirements.lock would hold an address: {found.group()!r}")
    LOCKFILE.write_text(lock, encoding="utf-8")


def main(arguments: list[str]) -> int:
    try:
        if arguments:
            update(upgrade="--upgrade" in arguments)
        check()
    except LockError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
