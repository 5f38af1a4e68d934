"""Where settings come from: the files (read by Dynaconf), config.env and the environment, each as one layer."""

import difflib
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import attrs
from dotenv import dotenv_values
from dynaconf import Dynaconf
from dynaconf.utils.parse_conf import Lazy

from nexy_core.config.values import BadValue, Problem, shown, shown_unknown
from nexy_core.config.variables import (
    ENVIRONMENT,
    ENVIRONMENT_VARIABLE,
    FOLDER_VARIABLE,
    Layer,
    Tree,
    misspelt_aliases,
    variable_layers,
)
from nexy_core.errors import ConfigError

ENVIRONMENTS = ("local", "dev", "stage", "prod")
UNSET_ENVIRONMENT = "local"
# What an environment inherits, weakest first: stage takes prod's values, local takes dev's.
INHERITS: Mapping[str, tuple[str, ...]] = {
    "local": ("dev", "local"),
    "dev": ("dev",),
    "stage": ("prod", "stage"),
    "prod": ("prod",),
}
FILES = ("settings.toml", "settings.local.toml", ".secrets.toml")
ENV_FILE = "config.env"
MAX_FILE_BYTES = 1024 * 1024
SECTION_SIMILARITY = 0.5


@attrs.frozen
class Sources:
    """Where to look: all of it is fixed at start, so a reload sees the same places."""

    folder: Path | None
    env_file: Path
    environ: Mapping[str, str]

    @classmethod
    def find(cls, folder: Path | None, environ: Mapping[str, str], env_file: Path | None) -> "Sources":
        """Raises ``ConfigError`` for a named folder that is not there."""
        named = folder or (Path(environ[FOLDER_VARIABLE]) if environ.get(FOLDER_VARIABLE) else None)
        if named is not None and not named.is_dir():
            raise ConfigError(f"the settings folder {str(named)!r} is not there: create it or unset {FOLDER_VARIABLE}")
        chosen = named or (Path("settings") if Path("settings").is_dir() else None)
        beside = chosen.resolve().parent / ENV_FILE if chosen else Path(ENV_FILE)
        fallback = beside if beside.exists() else Path(ENV_FILE)
        return cls(chosen, env_file or fallback, environ)

    def watched(self) -> tuple[Path, ...]:
        """The files a change of which calls for a reload."""
        return (*((self.folder / name for name in FILES) if self.folder else ()), self.env_file)


@attrs.define
class Reading:
    """What was read, weakest layer first, and what was wrong with it."""

    env: str = UNSET_ENVIRONMENT
    layers: list[Layer] = attrs.field(factory=list)
    idle: list[Layer] = attrs.field(factory=list)
    """Tables of other environments: their keys are checked, their values are not used."""
    problems: list[Problem] = attrs.field(factory=list)


def read(sources: Sources, aliases: Mapping[str, str]) -> Reading:
    """Read every source; ``aliases`` maps a plain variable to its key."""
    reading = Reading()
    file_variables = _read_env_file(sources.env_file, reading)
    reading.env = _environment(file_variables, sources, reading)
    for name in FILES if sources.folder else ():
        _read_file(sources.folder / name, reading)  # type: ignore[operator]  # a folder is set here
    reading.layers.sort(key=lambda layer: ("default", *INHERITS[reading.env]).index(layer.section))
    origin = sources.env_file.name
    reading.problems += misspelt_aliases(file_variables, aliases, origin)
    reading.layers += variable_layers(file_variables, aliases, origin, reading.problems)
    reading.layers += variable_layers(sources.environ, aliases, ENVIRONMENT, reading.problems)
    return reading


def _environment(file_variables: Mapping[str, str], sources: Sources, reading: Reading) -> str:
    origin = "environment" if ENVIRONMENT_VARIABLE in sources.environ else sources.env_file.name
    named = sources.environ.get(ENVIRONMENT_VARIABLE, file_variables.get(ENVIRONMENT_VARIABLE, "")).strip().lower()
    if named in {"", *ENVIRONMENTS}:
        return named or UNSET_ENVIRONMENT
    remedy = f"Set it to one of {', '.join(ENVIRONMENTS)}, or unset it for {UNSET_ENVIRONMENT}."
    reading.problems.append(
        Problem(ENVIRONMENT_VARIABLE, shown(named, secret=False), origin, "is no known environment", remedy)
    )
    return UNSET_ENVIRONMENT


# --- files --------------------------------------------------------------------------------------


def _read_text(path: Path, reading: Reading) -> str | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise OSError(None, f"it is larger than {MAX_FILE_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        fault = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        _file_problem(path, f"cannot be read: {fault}", "Make it readable, or remove it.", reading)
        return None


def _file_problem(path: Path, fault: str, remedy: str, reading: Reading) -> None:
    reading.problems.append(Problem(path.name, "", str(path), fault, remedy))


def _read_file(path: Path, reading: Reading) -> None:
    if _read_text(path, reading) is None:
        return
    try:
        sections = _dynaconf_tables(path)
    except BadValue as error:
        _file_problem(path, str(error), "Write it without the leading @, or mend it.", reading)
        return
    except (ValueError, RecursionError) as error:
        where = str(error).split("(")[-1].rstrip(")") if "line" in str(error) else "at its end"
        _file_problem(path, f"is not valid TOML, {where}", "Mend that line.", reading)
        return
    active = ("default", *INHERITS[reading.env])
    for section, tree in sections.items():
        if section not in {"default", *ENVIRONMENTS} or not isinstance(tree, dict):
            _wrong_section(path, section, tree, reading)
            continue
        layer = Layer(f"{path} [{section}]", tree, section=section)
        (reading.layers if section in active else reading.idle).append(layer)


def _wrong_section(path: Path, section: str, tree: object, reading: Reading) -> None:
    near = difflib.get_close_matches(section, ENVIRONMENTS, n=1, cutoff=SECTION_SIMILARITY)
    table = near[0] if near and isinstance(tree, dict) else f"default.{section}"
    fault = "is not inside the table of an environment"
    remedy = f"Write [{table}]" + ("." if isinstance(tree, dict) else ", or move the key below [default].")
    value = "" if isinstance(tree, dict) else shown_unknown(section, tree)
    reading.problems.append(Problem(section, value, str(path), fault, remedy))


def _dynaconf_tables(path: Path) -> Tree:
    """One file's tables, as Dynaconf reads them. One file each time: its own merge would append lists.

    Raises ``ValueError`` for what is not TOML, ``BadValue`` for an ``@`` marker that does not resolve.
    """
    local = path.with_name(f"{path.stem}.local{path.suffix}")
    try:
        loaded = Dynaconf(
            settings_files=[str(path.resolve())],
            skip_files=[str(local.resolve())],
            environments=False,
            load_dotenv=False,
            loaders=[],
            core_loaders=["TOML"],
        )
        loaded.as_dict()
        tables = [tree for origin, tree in loaded.loaded_by_loaders.items() if origin.loader == "toml"]
        return _plain(tables[0], loaded) if tables else {}
    except (ValueError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001  # Dynaconf's converters raise anything, AttributeError included
        raise BadValue(f"has a value starting with @ that does not resolve ({type(error).__name__})") from None


def _plain(tree: Mapping[str, Any], loaded: Dynaconf) -> Tree:
    """Plain dicts with lower-case keys; Dynaconf's ``@format`` and its like are resolved."""
    return {str(key).lower(): _plain_value(value, loaded) for key, value in tree.items()}


def _plain_value(value: Any, loaded: Dynaconf) -> Any:
    if isinstance(value, Mapping):
        return _plain(value, loaded)
    if isinstance(value, list):
        return [_plain_value(item, loaded) for item in value]
    return value(loaded) if isinstance(value, Lazy) else value


def _read_env_file(path: Path, reading: Reading) -> dict[str, str]:
    text = _read_text(path, reading)
    if text is None:
        return {}
    # Not load_dotenv: that writes into os.environ, and a reload could not take a value back.
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None}
