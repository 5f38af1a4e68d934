"""Import what has its folder's name before pytest makes a namespace of it; no deadlines on busy machines."""

from hypothesis import settings

import nexy_core
import nexy_sdk

assert nexy_core
assert nexy_sdk
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
