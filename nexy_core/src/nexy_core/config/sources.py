"""Where settings come from: the files (read by Dynaconf), config.env and the environment, each as one layer."""

import difflib
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import attrs
from dotenv import dotenv_values
from dynaconf import Dynaconf

from nexy_core.config.values import BadValue, Problem, parse_toml, shown_unknown
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
PREFIX = "NEXY_"
NESTING = "__"
KILL_SWITCH_PREFIX = "NEXY_KS_"
ENVIRONMENT_VARIABLE = "NEXY_ENV"
FOLDER_VARIABLE = "NEXY_SETTINGS_DIR"
MAX_FILE_BYTES = 1024 * 1024
ALIAS_SIMILARITY = 0.85

Tree = dict[str, Any]


@attrs.frozen
class Layer:
    """One source of values. ``text``: they came as texts. ``section`` is the environment table of a file."""

    source: str
    tree: Tree
    text: bool = False
    section: str = ""
    names: Mapping[str, str] = attrs.field(factory=dict)
    """Key to the variable it came from."""

    def source_of(self, key: str) -> str:
        """The variable that set the key or the table it is in, or the file's table."""
        while key and key not in self.names:
            key = key.rpartition(".")[0]
        return self.names.get(key, self.source)


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
    _check_alias_spelling(file_variables, aliases, origin, reading)
    reading.layers += _variable_layers(file_variables, aliases, origin, reading)
    reading.layers += _variable_layers(sources.environ, aliases, "environment", reading)
    return reading


def _environment(file_variables: Mapping[str, str], sources: Sources, reading: Reading) -> str:
    origin = "environment" if ENVIRONMENT_VARIABLE in sources.environ else sources.env_file.name
    named = sources.environ.get(ENVIRONMENT_VARIABLE, file_variables.get(ENVIRONMENT_VARIABLE, "")).strip().lower()
    if named in {"", *ENVIRONMENTS}:
        return named or UNSET_ENVIRONMENT
    remedy = f"Set it to one of {', '.join(ENVIRONMENTS)}, or unset it for {UNSET_ENVIRONMENT}."
    reading.problems.append(
        Problem(ENVIRONMENT_VARIABLE, shown_unknown("", named), origin, "is no known environment", remedy)
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
    near = difflib.get_close_matches(section, ENVIRONMENTS, n=1)
    table = near[0] if near and isinstance(tree, dict) else f"default.{section}"
    fault = "is not inside the table of an environment"
    remedy = f"Write [{table}]" + ("." if isinstance(tree, dict) else ", or move the key below [default].")
    value = "" if isinstance(tree, dict) else shown_unknown(section, tree)
    reading.problems.append(Problem(section, value, str(path), fault, remedy))


def _dynaconf_tables(path: Path) -> Tree:
    """One file's tables, as Dynaconf reads them. One file each time: its own merge would append lists."""
    local = path.with_name(f"{path.stem}.local{path.suffix}")
    loaded = Dynaconf(
        settings_files=[str(path)],
        skip_files=[str(local)],
        environments=False,
        load_dotenv=False,
        loaders=[],
        core_loaders=["TOML"],
    )
    loaded.as_dict()
    tables: Tree = {}
    for origin, tree in loaded.loaded_by_loaders.items():
        if origin.loader == "toml":
            tables.update(tree)
    return _plain(tables)


def _plain(tree: Mapping[str, Any]) -> Tree:
    """Plain dicts with lower-case keys; Dynaconf's ``@format`` and its like are resolved."""
    return {str(key).lower(): _plain_value(value) for key, value in tree.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    return _resolved(value) if isinstance(value, str) and value.startswith("@") else value


def _resolved(value: str) -> Any:
    scratch = Dynaconf(settings_files=[], environments=False, load_dotenv=False, loaders=[])
    try:
        scratch.set("value", value)
        resolved = scratch.value
    except Exception as error:  # noqa: BLE001  # Dynaconf's converters raise anything, AttributeError included
        raise BadValue(f"has a value starting with @ that does not resolve ({type(error).__name__})") from None
    return resolved


# --- variables ----------------------------------------------------------------------------------


def _read_env_file(path: Path, reading: Reading) -> dict[str, str]:
    text = _read_text(path, reading)
    if text is None:
        return {}
    # Not load_dotenv: that writes into os.environ, and a reload could not take a value back.
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None}


def _check_alias_spelling(
    variables: Mapping[str, str], aliases: Mapping[str, str], origin: str, reading: Reading
) -> None:
    for name in variables:
        near = difflib.get_close_matches(name, aliases, n=1, cutoff=ALIAS_SIMILARITY)
        if near and name not in aliases and not name.startswith(PREFIX):
            problem = Problem(name, "", origin, "is no known variable", f"Did you mean {near[0]}?")
            reading.problems.append(problem)


def _variable_layers(
    variables: Mapping[str, str], aliases: Mapping[str, str], origin: str, reading: Reading
) -> Iterator[Layer]:
    """Two layers: the aliases, then the ``NEXY_`` variables, which win."""
    where = "" if origin == "environment" else f" in {origin}"
    by_alias = {name: aliases[name] for name in variables if name in aliases}
    by_alias |= {name: _kill_switch(name) for name in variables if name.upper().startswith(KILL_SWITCH_PREFIX)}
    yield _layer(variables, by_alias, where, reading)
    reserved = {ENVIRONMENT_VARIABLE, FOLDER_VARIABLE, *by_alias}
    prefixed = {name: _key(name) for name in variables if name.upper().startswith(PREFIX) and name not in reserved}
    yield _layer(variables, prefixed, where, reading)


def _kill_switch(name: str) -> str:
    return f"kill_switches.{name[len(KILL_SWITCH_PREFIX) :].lower()}"


def _key(name: str) -> str:
    return name[len(PREFIX) :].replace(NESTING, ".").lower()


def _layer(variables: Mapping[str, str], keys: Mapping[str, str], where: str, reading: Reading) -> Layer:
    tree: Tree = {}
    for name, key in sorted(keys.items()):
        try:
            _put(tree, key.split("."), variables[name])
        except BadValue as error:
            remedy = "Set the keys one by one, or unset the table."
            reading.problems.append(Problem(key, "", name + where, str(error), remedy))
    return Layer(f"environment{where}", tree, text=True, names={key: name + where for name, key in keys.items()})


def _put(tree: Tree, path: list[str], value: str) -> None:
    *tables, leaf = path
    for table in tables:
        tree = tree.setdefault(table, {})
        if not isinstance(tree, dict):
            raise BadValue("has a value and parts at once")
    if isinstance(tree.get(leaf), dict):
        raise BadValue("has a value and parts at once")
    tree[leaf] = _table(value) if value.lstrip().startswith("{") else value


def _table(value: str) -> Any:
    """``NEXY_LLM={model = "x"}`` sets a table; a text that merely starts with a brace stays one."""
    try:
        parsed = parse_toml(value)
    except BadValue:
        return value
    return _plain_value(parsed) if isinstance(parsed, dict) else value
