"""An answer cut into sentences while it arrives."""

from nexy_core.sentences.splitter import Code, SentenceSplitter

__all__ = ["Code", "SentenceSplitter"]
