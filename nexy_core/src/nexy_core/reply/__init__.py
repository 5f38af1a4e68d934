"""The model's reply as it arrives: text, actions, and what was wrong with it."""

from nexy_core.reply.events import ActionReply, ReplyEvent, ReplyNote, SpokenText
from nexy_core.reply.parser import ReplyParser

__all__ = ["ActionReply", "ReplyEvent", "ReplyNote", "ReplyParser", "SpokenText"]
