"""A real server process for tests: started as a user starts it, on free ports, in a folder of its own."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
DECISION = re.compile(r"decision=(\S+) ctx=(\{.*\}) dur_ms=(-?\d+)$")
FREE_PORTS = {
    "NEXY_GRPC__PORT": "0",
    "NEXY_HTTP__PORT": "0",
    "NEXY_UPDATE__PORT": "0",
    "NEXY_ENV": "",
}


class ServerProcess:
    """``nexy serve`` in ``folder``, of the environment of ``python``. Ready on entry, stopped on exit."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str] | None = None, *, python: str | Path = sys.executable
    ) -> None:
        self.folder = folder
        self._python = str(python)
        self.lines: list[str] = []
        self.listening: dict[str, str] = {}
        self._news: queue.Queue[str | None] = queue.Queue()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("NEXY_")}
        self._environ = {**inherited, **FREE_PORTS, **(environ or {})}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def launch(self) -> None:
        """Start the process and return at once."""
        self.process = subprocess.Popen(  # noqa: S603  # the interpreter that a test names
            [self._python, "-m", "nexy_core", "serve"],
            cwd=self.folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self) -> None:
        """Start and wait until the ports are open. Raises ``RuntimeError`` with the output when they do not."""
        self.launch()
        try:
            self.listening = self.wait_for("listen", READY_SECONDS)
        except TimeoutError:
            self.process.kill()
            raise RuntimeError("the server did not start:\n" + "\n".join(self.lines)) from None

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._news.put(line.rstrip("\n"))
        self._news.put(None)

    def wait_for(self, decision: str, limit_seconds: float, **ctx: Any) -> dict[str, Any]:
        """The ctx of the next line with this decision and ctx items. Raises ``TimeoutError``."""
        deadline = time.monotonic() + limit_seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._news.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                self._news.put(None)
                break
            found = DECISION.search(line)
            if found and found[1] == decision:
                values: dict[str, Any] = json.loads(found[2])
                if ctx.items() <= values.items():
                    return values
        raise TimeoutError(f"no decision={decision} {ctx} within {limit_seconds} s:\n" + "\n".join(self.lines))

    @property
    def address(self) -> str:
        """Where gRPC listens."""
        return self.listening["grpc"]

    @property
    def http(self) -> str:
        """The base URL of the HTTP site."""
        return "http://" + self.listening["http"]

    def stop(self, number: int = signal.SIGTERM, limit_seconds: float = STOP_SECONDS) -> int:
        """Ask it to stop and return its exit code; a process that does not stop is killed (``-9``)."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join(STOP_SECONDS)
        return code
