"""Nexy Server's interrupt policy: which of a device's turns an interrupt stops."""
