"""Nexy Server's language model: any model litellm reaches, and an embedded one."""
