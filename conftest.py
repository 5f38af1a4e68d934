"""Import the core before pytest makes a namespace of the folder with its name; no deadlines on busy machines."""

from hypothesis import settings

import nexy_core

assert nexy_core
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
