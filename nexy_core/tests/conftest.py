"""For every test of the core."""

from hypothesis import settings

# A shared machine may stall any example; pytest's own timeout bounds a test.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
