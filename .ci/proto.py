"""The wire contract: stubs equal a fresh generation, the .proto is clean, and nothing a released client uses changed.

`--write` regenerates the stubs; `--release` makes the .proto of today the baseline that later changes are held against.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROTO = "nexy_core/proto/streaming.proto"
SOURCE = ROOT / "nexy_core/src"
BASELINE = "proto/released.json"


def generate(folder: Path) -> None:
    out = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-Iproto", *out, PROTO], cwd=ROOT, check=True)


def stale(folder: Path) -> list[str]:
    """Generated files that differ from, or are missing in, the source tree; and left-over ones in it."""
    fresh = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*_pb2*")}
    known = {path.relative_to(SOURCE): path.read_bytes() for path in SOURCE.rglob("*_pb2*.py*") if path.is_file()}
    known = {path: data for path, data in known.items() if "__pycache__" not in path.parts}
    return sorted(str(path) for path in fresh.keys() | known.keys() if fresh.get(path) != known.get(path))


def check() -> int:
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        if changed := stale(Path(folder)):
            print("Stubs differ from the .proto:", *changed, file=sys.stderr)
            print("Run `uv run nox -s proto -- --write` and commit the result.", file=sys.stderr)
            return 1
    for command in (["lint", "proto"], ["breaking", "proto", "--against", BASELINE]):
        if code := subprocess.run(["buf", *command], cwd=ROOT, check=False).returncode:
            return code
    return 0


def main(arguments: list[str]) -> int:
    if "--write" in arguments:
        generate(SOURCE)
    if "--release" in arguments:
        subprocess.run(["buf", "build", "proto", "--exclude-source-info", "-o", BASELINE], cwd=ROOT, check=True)
    return check()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
