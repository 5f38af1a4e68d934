"""The error table of docs/protocol.md is made from the taxonomy in code: checks it, or writes it with `--write`."""

import re
import sys
from pathlib import Path

from nexy_core.transport.taxonomy import TAXONOMY

PAGE = Path("docs/protocol.md")
BLOCK = re.compile(r"(<!-- taxonomy: [^\n]*-->\n)(.*?)(\n<!-- end -->)", re.DOTALL)


def table() -> str:
    """The taxonomy as Markdown."""
    rows = [f"| `{kind}` | `{row.code.name}` | {row.client} |" for kind, row in TAXONOMY.items()]
    return "\n".join(["| error type | gRPC code | what the client does |", "| --- | --- | --- |", *rows])


def main(arguments: list[str]) -> int:
    """0 when the page says what the code says."""
    page = PAGE.read_text(encoding="utf-8")
    written = BLOCK.sub(lambda found: found[1] + table() + found[3], page)
    if "--write" in arguments:
        PAGE.write_text(written, encoding="utf-8")
    elif written != page or not BLOCK.search(page):
        print(f"{PAGE} and the taxonomy differ: uv run nox -s proto -- --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
