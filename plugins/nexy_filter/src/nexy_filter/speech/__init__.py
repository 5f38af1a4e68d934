"""A sentence as a voice should say it: no markup, and numbers, dates, units and links in words."""

from nexy_filter.speech.writer import SpeechWriter

__all__ = ["SpeechWriter"]
