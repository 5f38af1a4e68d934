"""The child process that runs the embedded model: ``python -m nexy_llm.embedded``.

Its first line of standard input is a JSON object (``path``, ``api_key``, ``threads``, ``streams``,
``stream_tokens``); it answers with one line ``{"address": "http://127.0.0.1:…"}`` and serves until its standard input
closes, so that it never outlives its parent. A process of its own because loading holds the GIL, the engine has no
stop, and a crash in native code must cost one turn and not the server.
"""

import json
import os
import sys
from typing import Any


def parameters(config: dict[str, Any]) -> Any:
    """The engine's parameters: loopback, a port the system picks, a key, no logs."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["path"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["api_key"]]
    params.n_parallel = config["streams"]
    params.n_ctx = config["streams"] * config["stream_tokens"]
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = config["threads"]
    params.cpuparams_batch.n_threads = config["threads"]
    params.verbosity = -1
    params.ui = False
    params.endpoint_slots = False
    params.cache_ram_mib = 0
    return params


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what native code prints must not look like an answer
    config = json.loads(sys.stdin.readline())

    import xllamacpp

    server = xllamacpp.Server(parameters(config))
    answers.write(json.dumps({"address": server.listening_address}) + "\n")
    answers.flush()
    sys.stdin.read()
    os._exit(0)  # the engine has no stop, and its destructor waits for running answers


if __name__ == "__main__":
    main()
