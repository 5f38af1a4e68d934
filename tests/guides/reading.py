"""What a page's blocks tell a reader to type, and what they say will be printed."""

import re

BLOCK = re.compile(r"^```(bash|sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"(?:^|\s{2,})# .*$")


def section(page, heading):
    """The part of a page from one of its second-level headings to the next."""
    return page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def steps(text):
    """(command, lines it is said to print) in order; ``bash`` blocks say nothing of output."""
    for kind, block in BLOCK.findall(text):
        for command, printed in _commands(kind, block.replace("\\\n", "")):
            if command := COMMENT.sub("", command).strip():
                yield command, printed


def _commands(kind, block):
    found = []
    for line in block.splitlines():
        if kind != "console":
            found.append((line, []))
        elif line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def unprinted(expected, output):
    """The expected lines that are not printed one after the other; ``…`` stands for anything within a line."""
    missing, at = [], 0
    for line in expected:
        found = re.compile(".*".join(map(re.escape, line.split("…")))).search(output, at)
        if found is None:
            missing.append(line)
        else:
            at = found.end()
    return missing
