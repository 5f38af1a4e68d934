"""Nexy Server's memory and store: SQLite or PostgreSQL through peewee."""
