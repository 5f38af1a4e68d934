"""A memory for Nexy Server that is a text file."""
