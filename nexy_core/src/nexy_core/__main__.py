"""``python -m nexy_core``: the ``nexy`` command."""

from nexy_core.cli import main

main()
