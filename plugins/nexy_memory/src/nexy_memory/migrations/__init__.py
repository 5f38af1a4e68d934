"""Schema changes, numbered, forward and back. A released one is never edited: add the next."""
