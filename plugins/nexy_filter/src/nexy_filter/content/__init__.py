"""What must not be shown: profanity, secrets, and what the operator's patterns match."""

from nexy_filter.content.filter import ContentFilter

__all__ = ["ContentFilter"]
