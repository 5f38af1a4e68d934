"""Nexy Server's update site: a signed Sparkle appcast."""
