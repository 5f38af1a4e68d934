"""What a reply consists of."""

from collections.abc import Mapping

import attrs

BAD_ACTION = frozenset(
    {
        "unknown_command",
        "missing_session_id",
        "foreign_session_id",
        "wrong_arguments",
        "missing_argument",
        "wrong_argument",
    }
)


@attrs.frozen
class SpokenText:
    """The next piece of what the user is told."""

    text: str = attrs.field(repr=False)


@attrs.frozen
class TextEnd:
    """A reply's ``text`` is complete, its rest may still be arriving: nothing more belongs to the last sentence."""


@attrs.frozen
class ActionReply:
    """A checked command for the client: ``args`` exactly as the model gave them. ``text`` was spoken already."""

    command: str
    args: Mapping[str, object] = attrs.field(repr=False)
    session_id: str
    text: str = attrs.field(default="", repr=False)


@attrs.frozen
class ReplyNote:
    """Something in the reply was not as it should be; ``reason`` is a word for the log."""

    reason: str

    @property
    def level(self) -> str:
        """How it is logged (C8): an action that cannot be carried out is an error, the rest a warning."""
        return "ERROR" if self.reason in BAD_ACTION else "WARNING"


ReplyEvent = SpokenText | TextEnd | ActionReply | ReplyNote
