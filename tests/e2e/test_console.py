"""The console in a real browser: talk, hear, interrupt, reconnect, offline, Russian; axe-core in every view."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium")
WAIT_MS = 20_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
VIEWS = ("talk", "now", "plugins", "turns")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_console(browser):
    """Open a server's console; any error on the page or refused request fails the test at the end."""
    contexts, problems = [], []

    def open_page(server, **options):
        context = browser.new_context(**{"locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server.http + "/console")
        page.wait_for_selector("[data-state=ok]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def ask(page, prompt):
    page.fill("#prompt", prompt)
    page.press("#prompt", "Enter")


def test_talk_shows_the_words_and_the_audio_graph_gets_the_sound(scripted, open_console):
    page = open_console(scripted)
    ask(page, "say Hello from the server.")
    page.wait_for_selector(".answer:has-text('Hello from the server.')")
    page.wait_for_function("window.nexyPlayer.frames > 10000")
    page.wait_for_selector("#waterfall li:has-text('first audio')")
    assert page.is_disabled("#stop")


def test_an_interrupt_by_the_keyboard_silences_at_once(scripted, open_console):
    page = open_console(scripted)
    ask(page, "count 2 [[llm.last.hang]]")
    page.wait_for_selector(".answer:has-text('sentence number 1')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#stop[disabled]")
    assert page.evaluate("window.nexyPlayer.sources.size") == 0
    ask(page, "say Again.")
    page.wait_for_selector(".answer:has-text('Again.')")


def test_an_error_is_said_and_the_next_question_works(scripted, open_console):
    page = open_console(scripted)
    ask(page, "say no [[llm.first.raise.internal]]")
    page.wait_for_selector(".failed")
    ask(page, "say Fine.")
    page.wait_for_selector(".answer:has-text('Fine.')")


def test_text_from_the_server_never_becomes_markup(scripted, open_console):
    page = open_console(scripted)
    ask(page, "say <img src=x onerror=alert(1)> Plain.")
    page.wait_for_selector(".answer:has-text('Plain.')")
    assert page.query_selector("#conversation img") is None


def test_every_view_by_keyboard_alone(scripted, open_console):
    page = open_console(scripted)
    ask(page, "say Hello. [[tts.first.raise.degraded]]")
    page.wait_for_selector(".answer:has-text('Hello.')")
    page.focus("#tab-talk")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#now figure >> nth=5")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#plugin-rows th:has-text('llm')")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#turn-list summary")
    page.focus("#turn-list summary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#turn-list details[open] pre:has-text('degrade')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view_during_a_live_turn(scripted, open_console, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_console(scripted, color_scheme=scheme, reduced_motion="reduce")
    ask(page, "say Done.")
    page.wait_for_selector("#waterfall li")
    ask(page, "count 2 [[llm.last.hang]]")
    page.wait_for_selector(".answer:has-text('sentence number 1')")
    for view in VIEWS:
        page.click(f"#tab-{view}")
        page.wait_for_selector(f"#{view}:not([hidden])")
        results = Axe().run(page)
        assert results.violations_count == 0, f"{view}: {results.generate_report()}"
    page.keyboard.press("Escape")
    page.wait_for_selector("#stop[disabled]", state="attached")


def test_russian(scripted, open_console):
    page = open_console(scripted, locale="ru-RU")
    assert page.inner_text("#send") == "Спросить"
    assert page.get_attribute("html", "lang") == "ru"
    page.click("#language")
    assert page.inner_text("#send") == "Ask"


def test_it_says_when_it_is_offline_and_comes_back_after_a_restart(start_scripted, open_console):
    server = start_scripted()
    page = open_console(server)
    ports = {"NEXY_GRPC__PORT": server.address.rpartition(":")[2], "NEXY_HTTP__PORT": server.http.rpartition(":")[2]}
    server.stop()
    page.wait_for_selector("[data-state=offline]")
    start_scripted(**ports)
    page.wait_for_selector("[data-state=ok]")
    ask(page, "say Back.")
    page.wait_for_selector(".answer:has-text('Back.')")


def test_it_works_offline_from_the_internet_and_loads_nothing_from_outside(scripted, browser):
    page = browser.new_context().new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    response = page.goto(scripted.http + "/console")
    page.wait_for_selector("[data-state=ok]")
    assert all(url.startswith(scripted.http) for url in asked)
    assert "default-src 'none'" in response.headers["content-security-policy"]
    page.context.close()
