"""Which JSON replies are commands (C7, C8): known, complete, of the right types, and for this session."""

from collections.abc import Mapping

from nexy_core.events import Action, Argument
from nexy_core.reply.events import ActionReply, ReplyNote

_APP = (Argument("app_name", str),)
BUILT_IN = (
    Action("open_app", _APP, "Opens a program on the user's computer."),
    Action("close_app", _APP, "Closes a program on the user's computer."),
)


def with_built_in(declared: tuple[Action, ...]) -> tuple[Action, ...]:
    """The built-in commands and those that plugins ``declared``; none of them can replace a built-in one."""
    taken = {action.name for action in BUILT_IN}
    return (*BUILT_IN, *(action for action in declared if action.name not in taken))


def check(
    value: Mapping[str, object], text: str, session_id: str, actions: tuple[Action, ...]
) -> ActionReply | ReplyNote | None:
    """The command in ``value``, a note of what is wrong with it, or None when it asks for none."""
    command = value.get("command")
    if command is None or command == "":
        return None
    action = next((known for known in actions if known.name == command), None)
    if action is None:
        return ReplyNote("unknown_command")
    args = value.get("args", {})
    wrong = _wrong_session(value.get("session_id"), session_id) or _wrong_args(args, action)
    if wrong or not isinstance(args, Mapping):
        return ReplyNote(wrong)
    return ActionReply(action.name, args, session_id, text)


def _wrong_session(given: object, expected: str) -> str:
    if not isinstance(given, str) or not given.strip():
        return "missing_session_id"
    return "" if given == expected else "foreign_session_id"


def _wrong_args(args: object, action: Action) -> str:
    if not isinstance(args, Mapping):
        return "wrong_arguments"
    return next(filter(None, (_wrong_argument(args, argument) for argument in action.arguments)), "")


def _wrong_argument(args: Mapping[str, object], argument: Argument) -> str:
    given = args.get(argument.name)
    if given is None or (isinstance(given, str) and not given.strip()):
        return "missing_argument" if argument.required else ""
    return "" if _fits(given, argument.kind) else "wrong_argument"


def _fits(given: object, kind: type) -> bool:
    if isinstance(given, bool):
        return kind is bool
    return isinstance(given, kind) or (kind is float and isinstance(given, int))
