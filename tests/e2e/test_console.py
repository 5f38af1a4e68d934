"""The console in a real browser: talk, hear, interrupt, reconnect, offline, Russian; axe-core in every view."""

import time

import pytest
from nexy_core.testing import wire

WAIT_SECONDS = 20
VIEWS = ("talk", "now", "plugins", "turns")


def ask(page, prompt):
    page.fill("#prompt", prompt)
    page.press("#prompt", "Enter")


def until(page, expression):
    """Wait for a script's value to be true; the page's policy forbids Playwright's own way of waiting for one."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def test_talk_shows_the_words_and_the_audio_graph_gets_the_sound(scripted, open_console):
    page = open_console(scripted)
    ask(page, "say Hello from the server.")
    page.wait_for_selector(".answer:has-text('Hello from the server.')")
    until(page, "window.nexyPlayer.frames > 10000")
    page.wait_for_selector("#waterfall li:has-text('First sound sent')")
    page.wait_for_selector("#stop[disabled]")


def test_words_darken_as_they_are_spoken(scripted, open_console):
    page = open_console(scripted)
    ask(page, "say " + "One word after the other is spoken here. " * 6)
    page.wait_for_selector(".answer .said")
    assert page.evaluate("document.querySelectorAll('.answer span span:not(.said)').length") > 0
    until(page, "document.querySelectorAll('.answer span span:not(.said)').length === 0")


def test_words_without_sound_do_not_wait_for_any(scripted, open_console):
    page = open_console(scripted)
    ask(page, "say All is shown. [[tts.first.raise.degraded]]")
    page.wait_for_selector(".answer:has-text('All is shown.')")
    until(page, "document.querySelectorAll('.answer span span:not(.said)').length === 0")


def test_what_is_still_heard_after_the_turn_can_be_stopped(scripted, open_console):
    page = open_console(scripted)
    ask(page, "say " + "This is said for quite a long time. " * 12)
    page.wait_for_selector("#waterfall li:has-text('End')")
    page.wait_for_selector("#stop:not([disabled])")
    page.click("#stop")
    assert page.evaluate("window.nexyPlayer.sources.size") == 0
    assert page.is_disabled("#stop")
    assert page.evaluate("document.activeElement.id") == "prompt"


def test_the_sound_can_be_switched_off_for_those_whose_screen_reader_speaks(scripted, open_console):
    page = open_console(scripted)
    page.uncheck("#sound")
    ask(page, "say Silence, please.")
    page.wait_for_selector(".answer:has-text('Silence, please.')")
    until(page, "window.nexyPlayer.frames > 10000")
    page.wait_for_selector("#stop[disabled]")


def test_a_question_right_after_an_interrupt_gets_its_own_answer(scripted, open_console):
    page = open_console(scripted)
    for number in range(5):
        ask(page, "count 2 [[llm.last.hang]]")
        page.wait_for_selector(f":nth-match(.answer, {2 * number + 1}):has-text('sentence number 1')")
        page.fill("#prompt", f"say Own answer {number}.")
        page.evaluate("""() => {
            document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
            document.querySelector("#ask").requestSubmit();
        }""")
        page.wait_for_selector(f":nth-match(.answer, {2 * number + 2}):has-text('Own answer {number}.')")
        page.wait_for_selector("#stop[disabled]")


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
    page.wait_for_selector("#plugin-list h3:has-text('llm')")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#turn-list summary")
    page.focus("#turn-list summary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#turn-list details[open] .inside:has-text('degrade')")
    page.keyboard.press("Shift+Tab")
    page.focus("#tab-turns")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.id") == "tab-talk"


def test_a_new_turn_takes_neither_the_focus_nor_the_open_turn(scripted, scripted_stub, open_console):
    page = open_console(scripted)
    wire.ask(scripted_stub, "say First.")
    page.click("#tab-turns")
    page.focus("#turn-list summary")
    page.keyboard.press("Enter")
    turn = page.evaluate("document.activeElement.parentElement.dataset.key")
    wire.ask(scripted_stub, "say Second.")
    page.wait_for_selector(f"#turn-list details:not([data-key='{turn}']) >> nth=0")
    until(page, f"document.querySelector('#turn-list').children[0].dataset.key !== '{turn}'")
    assert page.evaluate("document.activeElement.parentElement.dataset.key") == turn
    assert page.is_visible(f"details[data-key='{turn}'] .inside")


def test_figures_that_change_by_themselves_are_not_read_out(scripted, open_console):
    page = open_console(scripted)
    page.click("#tab-now")
    page.wait_for_selector("#now figure >> nth=5")
    assert page.query_selector("#now :is(output, [role=status], [role=alert], [aria-live])") is None


def test_no_view_is_wider_than_a_small_phone(scripted, open_console):
    page = open_console(scripted, locale="ru-RU", viewport={"width": 320, "height": 640})
    ask(page, "say " + "Достопримечательности " * 3 + "x" * 200)
    page.wait_for_selector("#waterfall li")
    for view in VIEWS:
        page.click(f"#tab-{view}")
        page.wait_for_selector(f"#{view}:not([hidden])")
        if view == "turns":
            page.click("#turn-list summary")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, view


@pytest.mark.parametrize(
    ("scheme", "locale", "width"), [("light", "en-US", 1200), ("dark", "en-US", 1200), ("light", "ru-RU", 390)]
)
def test_axe_finds_nothing_in_any_view_during_a_live_turn(scripted, open_console, scheme, locale, width):
    from axe_playwright_python.sync_playwright import Axe

    viewport = {"width": width, "height": 800}
    page = open_console(scripted, color_scheme=scheme, locale=locale, viewport=viewport, reduced_motion="reduce")
    ask(page, "say Done.")
    page.wait_for_selector("#waterfall li")
    ask(page, "count 2 [[llm.last.hang]]")
    page.wait_for_selector(".answer:has-text('sentence number 1')")
    for view in VIEWS:
        page.click(f"#tab-{view}")
        page.wait_for_selector(f"#{view}:not([hidden])")
        results = Axe().run(page)
        assert page.is_enabled("#stop"), "the turn is live"
        assert results.violations_count == 0, f"{view}: {results.generate_report()}"
    page.keyboard.press("Escape")
    page.wait_for_selector("#stop[disabled]", state="attached")


def test_russian(scripted, open_console):
    page = open_console(scripted, locale="ru-RU")
    assert page.inner_text("#send") == "Спросить"
    assert page.get_attribute("html", "lang") == "ru"
    ask(page, "say Да.")
    page.wait_for_selector("#waterfall li:has-text('Первый токен')")
    assert page.get_attribute(".answer > span", "lang") == "ru"
    page.click("#language")
    assert page.inner_text("#send") == "Ask"
    page.wait_for_selector("#waterfall li:has-text('First token')")


def test_a_server_that_dies_in_the_middle_is_said(start_scripted, open_console):
    server = start_scripted()
    page = open_console(server)
    ask(page, "count 2 [[llm.last.hang]]")
    page.wait_for_selector(".answer:has-text('sentence number 1')")
    server.process.kill()
    page.wait_for_selector(".failed:has-text('No connection')")


def test_it_says_when_it_is_offline_and_comes_back_after_a_restart(start_scripted, open_console):
    server = start_scripted()
    page = open_console(server)
    ports = {"NEXY_GRPC__PORT": server.address.rpartition(":")[2], "NEXY_HTTP__PORT": server.http.rpartition(":")[2]}
    server.stop()
    page.wait_for_selector("[data-state=offline]")
    ask(page, "say Asked meanwhile.")
    start_scripted(**ports)
    page.wait_for_selector(".answer:has-text('Asked meanwhile.')")
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
