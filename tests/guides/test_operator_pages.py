"""The operator's pages followed word for word, command by command, on one machine: what they print is compared."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from nexy_core.testing.fake_plugins import modules

from tests.guides.machine import ROOT, follow, needs_machine
from tests.guides.reading import section, steps, unprinted
from tests.ingress.kit import NAME, NGINX, certificate

UPDATES_NAME = "updates.example.com"
TOOLS = ("curl", "jq", "rsync")
pytestmark = [
    pytest.mark.timeout(300),
    needs_machine,
    pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx"),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {TOOLS}: apt-get install curl jq rsync"),
]

CALLS = """
import contextlib, uuid
import grpc
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.wire import ask
with grpc.insecure_channel("127.0.0.1:50051") as channel:
    for _ in range(60):
        assert ask(StreamingServiceStub(channel), "say Good.", hardware_id=str(uuid.uuid4())).text == "Good."
    with contextlib.suppress(grpc.RpcError):
        channel.unary_unary("/streaming.StreamingService/NoSuchRpc")(b"", timeout=10)
"""


SERVE = """
nginx
nexy serve > server.log 2>&1 &
for _ in $(seq 300); do $READY && break; sleep 0.2; done
$READY
"""


def page(name):
    return (ROOT / name).read_text(encoding="utf-8")


def hidden(script):
    """What a reader does without a command being shown, or need not do because of real names and time."""
    return [(script, [])]


def settings_of(text):
    """The page's settings, the printed key in the place of its dots."""
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    return block


PUBLISHING = section(page("docs/updates.md"), "Publishing")
ROTATING = list(steps(section(page("docs/updates.md"), "Rotating the key")))
(KEYGEN, *EACH_RELEASE) = steps(PUBLISHING)
COPY = [step for step in EACH_RELEASE if step[0].startswith("rsync")]
CANARY = list(steps(section(page("docs/updates.md"), "A canary with a guard")))
ASK = [step for step in steps(page("README.md")) if " nexy ask " in step[0]]
FOLLOWED = {
    "docs/configuration.md": list(steps(page("docs/configuration.md"))),
    "docs/health-and-ci.md": list(steps(page("docs/health-and-ci.md"))),
    "docs/troubleshooting-502.md": list(steps(page("docs/troubleshooting-502.md"))),
    "docs/updates.md": [KEYGEN, *EACH_RELEASE, *CANARY, *ROTATING],
}


def write_settings(*keys):
    """Bash that writes the page's settings with the public keys of these private ones, as they were printed."""
    key = """$(sed -n 's/^public key: //p' "$DONE" | sed -n '{}p')"""
    text = settings_of(PUBLISHING).replace('"…"', ", ".join(f'"{key.format(number)}"' for number in keys))
    return f"mkdir -p settings; cat > settings/settings.toml <<END\n{text}END\n"


def script():
    published = [step for step in EACH_RELEASE if step not in COPY]
    check = next(number for number, (command, _) in enumerate(published) if " check " in command)
    return [
        KEYGEN,
        *hidden(write_settings(1)),
        *hidden(
            "nginx; nexy serve > server.log 2>&1 & for _ in $(seq 300); do $READY && break; sleep 0.2; done; $READY"
        ),
        *hidden(f"python - <<'END'{CALLS}END"),
        *ASK,
        *FOLLOWED["docs/configuration.md"],
        *published[:check],
        *hidden("for _ in $(seq 100); do curl -fs http://127.0.0.1:8081/updates/health && break; sleep 0.1; done"),
        *published[check:],
        *COPY,
        *hidden('(cd "$HOST" && NEXY_SETTINGS_DIR="$OLDPWD/settings" nexy updates verify)'),
        *FOLLOWED["docs/health-and-ci.md"],
        *FOLLOWED["docs/troubleshooting-502.md"],
        *CANARY,
        ROTATING[0],
        *hidden(write_settings(1, 2)),
        *ROTATING[1:],
        *hidden("nexy updates verify; kill %1; wait %1"),
    ]


PREPARE = f"""
cat > /usr/local/bin/uv <<'END'
#!/bin/sh
shift; exec "$@"
END
cat > rsh <<'END'
#!/bin/sh
cd "$1"; shift; exec sh -c "$*"
END
chmod +x rsh; mkdir -p mirror/data/updates
echo "127.0.0.1 {NAME} {UPDATES_NAME}" >> /etc/hosts
cp fullchain.pem privkey.pem /etc/ssl/nexy/
cp {ROOT}/deploy/nginx/nexy.conf /etc/nginx/conf.d/
export SSL_CERT_FILE=$PWD/fullchain.pem CURL_CA_BUNDLE=$PWD/fullchain.pem UPDATES_URL=https://{UPDATES_NAME}
export HOST=mirror RSYNC_RSH=$PWD/rsh READY="curl -fs http://127.0.0.1:8080/health" DONE=$PWD/done
exec > >(tee "$DONE")
set -x
"""


def test_every_command_of_the_pages_prints_what_they_say(tmp_path):
    certificate(tmp_path)
    (tmp_path / "Nexy.dmg").write_bytes(bytes(range(256)) * 4096)
    (tmp_path / "notes.md").write_text("# Better\n", encoding="utf-8")
    followed = script()
    fakes = json.dumps(modules("llm", "tts", "memory", "filter", "interrupt"))
    path = f"/usr/local/bin:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/bin:/sbin"
    done = follow(
        tmp_path, PREPARE + "\n".join(command for command, _ in followed), PATH=path, NEXY_PLUGINS__MODULES=fakes
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert unprinted([line for _, printed in followed for line in printed], done.stdout) == [], done.stdout


def test_no_command_of_these_pages_is_left_out():
    run = [command for command, _ in script()]
    assert [command for name in FOLLOWED for command, _ in steps(page(name)) if command not in run] == []
