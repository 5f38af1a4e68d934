"""Small wheels made in the test: good ones and every kind of bad one."""

import zipfile

GOOD = """
from nexy_core import AudioChunk, SpeechSynthesizer, hookimpl

class Voice(SpeechSynthesizer):
    async def process(self, request):
        yield AudioChunk(b"\\0\\1" * 4800)

@hookimpl
def nexy_capabilities(settings):
    return [Voice()]
"""
INITIALIZE = "import asyncio, sys\n" + GOOD.replace(
    "    async def process", "    async def initialize(self):\n        {body}\n\n    async def process"
)
SLEEP_ON = "await asyncio.shield(asyncio.gather(asyncio.sleep(30), return_exceptions=True))"
OFF = ("off", "raise SystemExit('it must not be imported')")
# name of the wheel: (entry point, module's source, requirement on the core, reason)
BAD = {
    "missing-import": ("missing_import", "import nowhere_to_be_found", "", "import_failed"),
    "syntax": ("syntax", "def broken(:", "", "import_failed"),
    "asserts": ("asserts", "raise AssertionError('not here')", "", "import_failed"),
    "exits": ("exits", "raise SystemExit(3)", "", "exited_at_import"),
    "escapes": ("escapes", "class Out(BaseException): pass\nraise Out('of here')", "", "import_failed"),
    "empty": ("empty", "", "", "no_hooks"),
    "signature": ("signature", GOOD.replace("(settings)", "(settings, more)"), "", "bad_signature"),
    "misspelt": ("misspelt", GOOD.replace("nexy_capabilities", "nexy_capabilites"), "", "unknown_hook"),
    "asynchronous": ("asynchronous", GOOD.replace("def nexy_cap", "async def nexy_cap"), "", "async_hook"),
    "raises": ("raises", GOOD.replace("return [Voice()]", "raise RuntimeError('no')"), "", "hook_raised"),
    "settings-raise": (
        "settings_raise",
        GOOD + "\n@hookimpl\ndef nexy_settings():\n    raise RuntimeError('no')\n",
        "",
        "hook_raised",
    ),
    "actions-raise": (
        "actions_raise",
        GOOD + "\n@hookimpl\ndef nexy_actions():\n    raise RuntimeError('no')\n",
        "",
        "hook_raised",
    ),
    "nothing": ("nothing", GOOD.replace("[Voice()]", "[5]"), "", "bad_capability"),
    "thief": (
        "thief",
        GOOD + "\nfrom nexy_core import Setting\n@hookimpl\ndef nexy_settings():\n"
        "    return [Setting('grpc.port', int, 1, 'Mine.')]\n",
        "",
        "bad_setting",
    ),
    "too-new": ("too_new", "raise SystemExit('it must not be imported')", ">=99", "wrong_core_version"),
    "too-old": ("too_old", "raise SystemExit('it must not be imported')", "<0.1", "wrong_core_version"),
    "reserved": ("required", GOOD, "", "reserved_name"),
    "twin-one": ("twin", GOOD, "", "duplicate_name"),
    "twin-two": ("twin", GOOD, "", "duplicate_name"),
    "init-raises": ("init_raises", INITIALIZE.format(body="raise OSError('no engine')"), "", "initialize_raised"),
    "init-exits": ("init_exits", INITIALIZE.format(body="sys.exit(1)"), "", "initialize_raised"),
    "init-hangs": ("init_hangs", INITIALIZE.format(body="await asyncio.Event().wait()"), "", "initialize_timed_out"),
    "init-sleeps-on": ("init_sleeps_on", INITIALIZE.format(body=SLEEP_ON), "", "initialize_timed_out"),
}


def write_wheel(folder, name, entry, source, core=""):
    """A wheel of one module; ``core`` is its version specifier for nexy-core."""
    module = f"acme_{name.replace('-', '_')}"
    wheel = folder / f"acme_{name.replace('-', '_')}-1.0-py3-none-any.whl"
    info = f"{module}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 1.0\nRequires-Dist: nexy-core{core}\n"
    files = {
        f"{module}.py": source,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[nexy.plugins]\n{entry} = {module}\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return wheel
