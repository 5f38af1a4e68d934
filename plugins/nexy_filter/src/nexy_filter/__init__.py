"""Nexy Server's text filter: what is shown and what is spoken."""
