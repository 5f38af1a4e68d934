import subprocess
import sys

import pytest

FORK = """
import asyncio, os, sys
from nexy_core.cli import main
sys.argv = ["nexy", "--help"]
try:
    main()
except SystemExit:
    pass
import grpc.aio

async def fork():
    server = grpc.aio.server()
    server.add_insecure_port("127.0.0.1:0")
    await server.start()
    if (child := os.fork()) == 0:
        print("threads:", len(os.listdir("/proc/self/task")), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    os._exit(0)

asyncio.run(fork())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc: run it on Linux")
def test_nothing_of_grpc_runs_in_a_child_of_the_process():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=True)
    assert "threads: 1" in done.stdout.splitlines()
