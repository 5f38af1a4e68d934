"""Build a member's wheel and sdist twice, and check what a release must be: reproducible, complete, accepted.

python .ci/release.py nexy-tts [DIST]     builds into DIST (default: dist)
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

FOLDERS = (Path("nexy_core"), Path("nexy_sdk"), *sorted(Path("plugins").glob("nexy_*")))
MEMBERS = {path.name.replace("_", "-"): path for path in FOLDERS}
EPOCH = "1767225600"  # 2026-01-01: the same build today and tomorrow


def build(member: Path, folder: Path) -> dict[str, str]:
    """File name to SHA-256."""
    subprocess.run(
        ["uv", "build", "--quiet", "--sdist", "--wheel", "--out-dir", str(folder), str(member)],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
    )
    files = sorted(path for path in folder.iterdir() if path.suffix in {".whl", ".gz"})
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def problems(member: Path, folder: Path) -> list[str]:
    """What keeps this member from being released."""
    with tempfile.TemporaryDirectory() as other:
        first, second = build(member, folder), build(member, Path(other))
    found = [f"{name}: not the same when built twice" for name in first if first[name] != second.get(name)]
    version = tomllib.loads((member / "pyproject.toml").read_text())["project"]["version"]
    if not re.search(rf"^## {re.escape(version)}\b", (member / "CHANGELOG.md").read_text(), re.MULTILINE):
        found.append(f"CHANGELOG.md has no section for {version}")
    wheel = next(folder / name for name in first if name.endswith(".whl"))
    names = zipfile.ZipFile(wheel).namelist()
    found += [f"{wheel.name}: no {end}" for end in ("licenses/LICENSE", "py.typed") if not _ends(names, end)]
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *(str(folder / name) for name in first)],
        capture_output=True,
        text=True,
        check=False,
    )
    return found if checked.returncode == 0 else [*found, checked.stdout + checked.stderr]


def _ends(names: list[str], end: str) -> bool:
    return any(name.endswith(end) for name in names)


def main(arguments: list[str]) -> int:
    """0 when the named member (or each) can be released."""
    names = arguments[:1] or list(MEMBERS)
    status = 0
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(arguments[1]) if len(arguments) > 1 else Path(scratch)
            folder.mkdir(exist_ok=True, parents=True)
            found = problems(MEMBERS[name], folder)
        print(f"{name}: " + ("; ".join(found) or "reproducible, licensed, typed, with its changes; twine accepts it"))
        status |= bool(found)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
