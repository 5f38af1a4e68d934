"""``python -m nexy_core.testing.check NAME [key=value ...]``: the contract kit against an installed plugin."""

import sys
from collections.abc import Sequence

from nexy_core.errors import ConfigError
from nexy_core.testing.kit import check_plugin

USAGE = "usage: python -m nexy_core.testing.check NAME|NAME=MODULE [setting=value ...]"
EXIT_BROKEN = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str]) -> int:
    """Print the report; 0 when every rule holds, 1 when one is broken, 2 when nothing could be checked."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        sys.stderr.write(USAGE + "\n")
        return EXIT_USAGE
    name, *settings = arguments
    try:
        report = check_plugin(name, dict(_pair(text) for text in settings))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    sys.stdout.write(f"{report}\n")
    return 0 if report.ok else EXIT_BROKEN


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"{text!r} is no setting: write key=value")
    return key, value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
