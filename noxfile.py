"""Every check of the project: `uv run nox` runs what is quick, `uv run nox -l` lists the rest."""

import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PLUGINS = ("llm", "tts", "memory", "filter", "interrupt", "updates")
SOURCES = ("nexy_core/src", "nexy_sdk/src", *(f"plugins/nexy_{name}/src" for name in PLUGINS))
PYTEST_NO_TESTS = 5
TWO_AT_ONCE = ("-n", "2", "--dist", "loadfile")  # most of a test's time is a server's start or a wait

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "none"  # the workspace's own environment, made by `uv run`
nox.options.sessions = ["lint", "types", "imports", "proto", "lock", "docs", "tests"]
SKIPPED_BY_DEFAULT = (
    "Not run: `nox -s long` (full-size matrices), `nox -s soak` (ten minutes of everything at once), `nox -s plugin` "
    "(one wheel alone in a clean environment), `nox -s coverage` or `nox -s bench` (figures)."
)

os.chdir(ROOT)
os.environ.setdefault("PYTHONUNBUFFERED", "1")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting (ruff)."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types of every member's source, the benchmarks and the tools, strictly (mypy)."""
    tools = sorted(str(path) for path in (ROOT / ".ci").glob("*.py"))
    session.run("mypy", *SOURCES, "benchmarks", "noxfile.py", *tools)


@nox.session
def imports(session: nox.Session) -> None:
    """Boundaries between layers, plugins and outside libraries (import-linter)."""
    session.run("lint-imports", "--no-cache")


@nox.session
def proto(session: nox.Session) -> None:
    """Stubs are what the .proto gives; the wire contract breaks no released client. `-- --write` regenerates."""
    session.run("python", ".ci/proto.py", *session.posargs)
    session.run("python", ".ci/taxonomy.py", *session.posargs)


@nox.session
def gates(session: nox.Session) -> None:
    """Documents, records and impact that a change against a base (`-- BASE`, default main) must bring."""
    session.run("python", ".ci/gates.py", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Pins and hashes match the dependencies. `-- --update` rewrites them, `-- --upgrade` takes newer versions."""
    session.run("python", ".ci/lock.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation builds without warnings and loads nothing from outside."""
    session.run("zensical", "build", "--clean", "--strict")
    session.run("python", ".ci/site.py", "site")


@nox.session
def tests(session: nox.Session) -> None:
    """The quick suite."""
    session.warn(SKIPPED_BY_DEFAULT)
    session.run("pytest", *TWO_AT_ONCE, "-m", "not long", *session.posargs)


@nox.session
def long(session: nox.Session) -> None:
    """The full-size matrices."""
    session.run("pytest", *TWO_AT_ONCE, "-m", "long", *session.posargs, success_codes=[0, PYTEST_NO_TESTS])


@nox.session
def soak(session: nox.Session) -> None:
    """Everything at once for ten minutes (`-- --minutes 240`): invariants hold, nothing leaks."""
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The quick suite under coverage, processes it starts included."""
    session.run("coverage", "erase")
    session.run("pytest", "-m", "not long", "--cov", "--cov-report=", *session.posargs)
    session.run("coverage", "report", "--skip-covered")


@nox.session
@nox.parametrize("name", PLUGINS, ids=PLUGINS)
def plugin(session: nox.Session, name: str) -> None:
    """One plugin's wheel with the core's, alone in a clean environment: the contract kit, then a server with a turn."""
    session.run("pytest", "-m", "long", "tests/plugins/test_alone.py", "-k", f"[{name}]", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Each member's wheel and sdist: the same when built twice, typed, accepted. `-- NAME DIST` keeps it."""
    session.run("python", ".ci/release.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against baselines: all, or those named (`nox -s bench -- transport`)."""
    session.run(sys.executable, "-m", "benchmarks", *session.posargs)


@nox.session
def screenshots(session: nox.Session) -> None:
    """The console's pictures in the documentation, taken again (needs Chromium)."""
    session.run("python", ".ci/screenshots.py")


@nox.session
def hooks(session: nox.Session) -> None:
    """Every pre-commit hook on every file."""
    session.run("pre-commit", "run", "--all-files")
