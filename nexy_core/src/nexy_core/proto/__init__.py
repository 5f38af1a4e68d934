"""Generated from proto/ by `nox -s proto`; never edited."""
