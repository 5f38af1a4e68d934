"""The checks find what they are for: each is shown a seeded mistake."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- pins ----------------------------------------------------------------------------------------

LOCKED = """\
attrs==26.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:cc
"""


@pytest.mark.parametrize(
    ("fresh", "expected"),
    [
        (LOCKED, []),
        (LOCKED.replace("sha256:aa", "sha256:aa \\\n    --hash=sha256:new"), []),  # a file added to the same version
        (LOCKED.replace("sha256:aa", "sha256:zz"), ["attrs==26.1.0 has other hashes than the locked ones"]),
        (
            LOCKED.replace("26.1.0", "26.2.0"),
            ["attrs==26.1.0 is pinned and not needed", "attrs==26.2.0 is needed and not pinned"],
        ),
        (LOCKED.replace("3.12", "3.13"), None),
    ],
)
def test_a_difference_of_pins_is_named(fresh, expected):
    lock = tool("lock")
    found = list(lock.differences(lock.hashes(LOCKED), lock.hashes(fresh)))
    assert found == expected if expected is not None else len(found) == 2


def test_a_package_is_pinned_once_unless_its_versions_differ_by_python():
    requirements = (
        "a==1 ; sys_platform == 'linux'\nb==2 ; python_full_version < '3.12'\nb==3 ; python_full_version >= '3.12'\n"
    )
    assert tool("lock").pins_block(requirements).splitlines()[1:-1] == [
        '  "a==1",',
        "  \"b==2 ; python_full_version < '3.12'\",",
        "  \"b==3 ; python_full_version >= '3.12'\",",
    ]


@pytest.mark.parametrize("line", ["--index-url https://mirror", "-i somewhere", "a @ file:///x", "-f wheels"])
def test_an_address_never_gets_into_the_lock(line):
    assert tool("lock").ADDRESS.search(f"a==1\n{line}\n")


# --- the site ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>', True),
        ("a.html", '<link rel="stylesheet" href="//fonts.example/x.css">', True),
        ("a.html", '<img src="http://example.org/x.png">', True),
        ("a.html", '<p style="background: url(https://example.org/x.png)">', True),
        ("a.css", "@import 'https://example.org/x.css';", True),
        ("a.css", "body { background: url(x.png) }", False),
        ("a.html", '<a href="https://example.org">read</a><script src="x.js"></script>', False),
        ("a.html", '<link rel="canonical" href="https://example.org/">', False),
    ],
)
def test_only_what_a_browser_would_load_from_elsewhere_is_found(tmp_path, name, text, found):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert bool(list(tool("site").outside_loads(tmp_path))) is found


# --- the wire ------------------------------------------------------------------------------------


@pytest.fixture
def proto_copy(tmp_path):
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    return tmp_path, tmp_path / "proto" / "nexy_core" / "proto" / "streaming.proto"


def breaking(folder):
    command = ["buf", "breaking", "proto", "--against", "proto/released.json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  string hardware_id = 5;\n", "", 'field "5"'),
        ("string session_id = 6;", "string session_id = 16;", 'field "6"'),
        ("string text_chunk = 1;", "bytes text_chunk = 1;", "changed type"),
        ("rpc InterruptSession(", "rpc Interrupt(", "InterruptSession"),
        ("REQUEST_PHASE_COMMIT = 2", "REQUEST_PHASE_COMMIT = 3", "RequestPhase"),
    ],
)
def test_a_change_that_breaks_a_released_client_is_refused(proto_copy, old, new, says):
    folder, source = proto_copy
    text = source.read_text(encoding="utf-8")
    assert old in text
    source.write_text(text.replace(old, new, 1), encoding="utf-8")
    result = breaking(folder)
    assert result.returncode != 0
    assert says in result.stdout


def test_a_new_field_breaks_nobody(proto_copy):
    folder, source = proto_copy
    text = source.read_text(encoding="utf-8")
    source.write_text(
        text.replace("string hardware_id = 5;", "string hardware_id = 5;\n  string locale = 10;"), encoding="utf-8"
    )
    assert breaking(folder).returncode == 0


def test_stale_missing_and_leftover_stubs_are_found(tmp_path, monkeypatch):
    proto = tool("proto")
    source, fresh = tmp_path / "source", tmp_path / "fresh"
    for folder, names in (
        (source, ["a_pb2.py", "same_pb2.py", "old_pb2.py"]),
        (fresh, ["a_pb2.py", "same_pb2.py", "b_pb2.pyi"]),
    ):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(f"{folder.name if name == 'a_pb2.py' else name}", encoding="utf-8")
    monkeypatch.setattr(proto, "SOURCE", source)
    assert proto.stale(fresh) == ["a_pb2.py", "b_pb2.pyi", "old_pb2.py"]


# --- boundaries ----------------------------------------------------------------------------------

SEEDS = {
    "nexy_core/src/nexy_core/transport/service.py": (
        "from nexy_core import host as _seed\n",
        "The gRPC layer knows no workflow",
    ),
    "nexy_core/src/nexy_core/errors.py": ("from nexy_core import turn as _seed\n", "The core is layered"),
    "nexy_core/src/nexy_core/turn.py": ("import grpc as _seed\n", "gRPC has one home"),
    "nexy_core/src/nexy_core/host.py": ("import nexy_llm as _seed\n", "The core knows no plugin"),
    "nexy_core/src/nexy_core/flags.py": ("import dynaconf as _seed\n", "dynaconf has one home"),
    "plugins/nexy_filter/src/nexy_filter/plugin.py": (
        "import nexy_tts as _seed\n",
        "Plugins know nothing of each other",
    ),
    "plugins/nexy_tts/src/nexy_tts/plugin.py": (
        "from nexy_core import config as _seed\n",
        "Plugins use the core's public API",
    ),
    "plugins/nexy_memory/src/nexy_memory/plugin.py": ("import litellm as _seed\n", "litellm has one home"),
}


def test_every_crossed_boundary_is_named(tmp_path):
    for member in ("nexy_core", "nexy_sdk", *(f"plugins/{path.name}" for path in (ROOT / "plugins").iterdir())):
        shutil.copytree(
            ROOT / member / "src", tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file, (line, _) in SEEDS.items():
        copied = tmp_path / file.partition("/src/")[2]
        copied.write_text(copied.read_text(encoding="utf-8") + line, encoding="utf-8")
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert {says for _, says in SEEDS.values() if not any(line.startswith(says) for line in broken)} == set()
