"""Servers for end-to-end tests."""

import json

import grpc
import pytest
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

FAKES = {"NEXY_PLUGINS__MODULES": json.dumps(modules())}


@pytest.fixture(scope="session")
def scripted(tmp_path_factory):
    """A real server process whose capabilities are fakes, with limits that tests do not trip by accident."""
    generous = {
        "NEXY_BACKPRESSURE__MAX_MESSAGE_RATE_PER_SECOND": "1000",
        "NEXY_PLUGINS__BREAKER_FAILURES": "1000",
        "NEXY_TURN__FILTER_TIMEOUT_SECONDS": "0.2",
    }
    with ServerProcess(tmp_path_factory.mktemp("scripted"), {**FAKES, **generous}) as server:
        yield server


@pytest.fixture
def scripted_stub(scripted):
    with grpc.insecure_channel(scripted.address) as channel:
        yield StreamingServiceStub(channel)


@pytest.fixture
def start_scripted(tmp_path):
    """Start a server process with fakes and the given settings; stopped at the end."""
    servers = []

    def start(**environ):
        server = ServerProcess(tmp_path, {**FAKES, **environ})
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()
