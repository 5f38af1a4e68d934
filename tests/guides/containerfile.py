"""deploy/Containerfile as a list of instructions, and as a script that follows them where no engine runs."""

import fnmatch
import json
import re
import shlex
from pathlib import PurePosixPath

import attrs

KNOWN = frozenset({"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "STOPSIGNAL", "HEALTHCHECK"}) | {
    "ENTRYPOINT",
    "CMD",
}
BUILT = "/opt/build-stage"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NO_PRIVILEGE = "--clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
PATIENCE = "NEXY_PLUGINS__INITIALIZE_TIMEOUT_SECONDS=300"  # this machine may be busy with other tests
OUTSIDE = "nsenter --net=/proc/self/fd/9"  # a build reaches the package index


@attrs.frozen
class Instruction:
    word: str
    text: str


def read(text):
    """The instructions; comments are dropped, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def stages(instructions):
    """The instructions of each stage, its FROM first."""
    found = []
    for one in instructions:
        if one.word == "FROM":
            found.append([])
        found[-1].append(one)
    return found


def enters(path, rules):
    """Whether ``.dockerignore`` lets a file into the build: the last rule that names it or a folder above it counts."""
    names = [path, *map(str, list(PurePosixPath(path).parents)[:-1])]
    ignored = False
    for rule in filter(None, (line.partition("#")[0].strip() for line in rules.splitlines())):
        pattern = rule.removeprefix("!")
        patterns = [pattern, pattern.removeprefix("**/"), pattern.replace("**/", "*/")]
        if any(fnmatch.fnmatchcase(name, one) for name in names for one in patterns):
            ignored = not rule.startswith("!")
    return not ignored


def only(instructions, word):
    (one,) = [one for one in instructions if one.word == word]
    return one.text


def command(instructions, word):
    """The words of ENTRYPOINT, CMD or HEALTHCHECK in their exec form."""
    return json.loads(re.search(r"\[.*\]$", only(instructions, word))[0])


def build_script(build, context, python):
    """Bash for the first stage: ``python`` is what the base image has, ``context`` what the build is given."""
    lines = [f"uv venv --quiet --seed --python {python} /opt/image", f"PATH=/opt/image/bin:{SYSTEM_PATH}", "folder=/"]
    for one in build:
        match one.word:
            case "RUN":
                lines.append(f'(cd "$folder" && {OUTSIDE} sh -ec {shlex.quote(one.text)})')
            case "WORKDIR":
                lines.append(f"folder={one.text}; mkdir -p {one.text}")
            case "COPY":
                lines.append(f'cp -r {context}/. "$folder"' if one.text == ". ." else "false")
            case "ENV":
                lines.append(f"export {one.text}")
    return "\n".join(lines)


def final_script(final, workdir):
    """Bash for the second stage, up to a running server: what the first left is there only where it is copied to."""
    lines = [f"mv {workdir} {BUILT}", f"mkdir -p {workdir}"]
    for one in final:
        match one.word:
            case "RUN":
                lines.append(f"{OUTSIDE} sh -ec {shlex.quote(one.text)}")
            case "COPY":
                source, target = one.text.removeprefix("--from=build ").split()
                lines.append(f"mkdir -p $(dirname {target}); mv -T {source.replace(workdir, BUILT)} {target}")
    variables = " ".join(one.text for one in final if one.word == "ENV")
    user = only(final, "USER")
    server = [*command(final, "ENTRYPOINT"), *command(final, "CMD")]
    engine = f"env -i PATH=/usr/bin:/bin HOME=$(getent passwd {user} | cut -d: -f6) {variables} setpriv"
    as_user = (
        f"{engine} --reuid={user} --regid={user} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
    )
    health = f"{as_user} {shlex.join(command(final, 'HEALTHCHECK'))}"
    return "\n".join(
        [
            *lines,
            f"chmod 0700 {BUILT}",
            f"cd {only(final, 'WORKDIR')}",
            f"{as_user} {shlex.join(server)} > /run/out 2>&1 &",
            "server=$!",
            f"for _ in $(seq 500); do {health} 2>/dev/null && break; kill -0 $server || break; sleep 0.5; done",
            f"{health} || {{ cat /run/out; exit 1; }}",
            f'test "$(ps -o user= -p $server)" = {user}',
            f"kill -s {only(final, 'STOPSIGNAL').removeprefix('SIG')} $server",
            "wait $server",
            "echo the server ended well",
        ]
    )
