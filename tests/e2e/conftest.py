"""Servers for end-to-end tests."""

import json
import shutil

import grpc
import pytest
from nexy_core.proto.streaming_pb2_grpc import StreamingServiceStub
from nexy_core.testing.fake_plugins import modules
from nexy_core.testing.process import ServerProcess

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BROWSER_WAIT_MS = 20_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
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


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_console(browser):
    """Open a server's console; any error on the page fails the test at the end."""
    contexts, problems = [], []

    def open_page(server, state="ok", **options):
        context = browser.new_context(**{"locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(BROWSER_WAIT_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server.http + "/console")
        page.wait_for_selector(f"[data-state={state}]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
