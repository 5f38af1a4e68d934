"""Import the core before pytest makes a namespace of the folder with its name."""

import nexy_core

assert nexy_core
