"""Fail if a page of the built site loads anything (script, style, font, image, frame) from another host."""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

OUTSIDE = re.compile(r"^(?:https?:)?//")
CSS_LOAD = re.compile(r"(?:url\(|@import\s+)['\"]?((?:https?:)?//[^'\")\s]+)")
LOADED_LINKS = {"stylesheet", "preload", "modulepreload", "preconnect", "dns-prefetch", "icon", "manifest"}


class Loads(HTMLParser):
    """Collects the addresses a browser would fetch on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        loads = [values.get("src", ""), values.get("poster", ""), values.get("data", "") if tag == "object" else ""]
        if tag == "link" and LOADED_LINKS & set(values.get("rel", "").split()):
            loads.append(values.get("href", ""))
        loads += CSS_LOAD.findall(values.get("style", ""))
        self.found += [address for address in loads if OUTSIDE.match(address)]


def outside_loads(site: Path) -> Iterator[str]:
    for path in sorted(site.rglob("*")):
        if path.suffix == ".html":
            parser = Loads()
            parser.feed(path.read_text(encoding="utf-8"))
            yield from (f"{path.relative_to(site)}: {address}" for address in parser.found)
        elif path.suffix == ".css":
            found = CSS_LOAD.findall(path.read_text(encoding="utf-8"))
            yield from (f"{path.relative_to(site)}: {address}" for address in found)


def main(arguments: list[str]) -> int:
    problems = list(outside_loads(Path(arguments[0])))
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
