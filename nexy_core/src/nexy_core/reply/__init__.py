"""The model's reply as it arrives: text, actions, and what was wrong with it."""

from nexy_core.reply.events import ActionReply, ReplyEvent, ReplyNote, SpokenText, TextEnd
from nexy_core.reply.parser import ReplyParser
from nexy_core.reply.rules import with_built_in

__all__ = ["ActionReply", "ReplyEvent", "ReplyNote", "ReplyParser", "SpokenText", "TextEnd", "with_built_in"]
