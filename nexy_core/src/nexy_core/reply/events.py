"""What a reply consists of."""

from collections.abc import Mapping

import attrs


@attrs.frozen
class SpokenText:
    """The next piece of what the user is told."""

    text: str = attrs.field(repr=False)


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


ReplyEvent = SpokenText | ActionReply | ReplyNote
