"""The page in a real browser: what it shows, that text from outside stays text, and that it needs no other file.

Chromium is the system's (`apt-get install chromium`); without it these tests are skipped, except for the colours.
"""

import itertools
import re
import shutil
from contextlib import asynccontextmanager

import accessibility
import made_snapshots
import made_states
import msgspec
import pytest
import pytest_asyncio
from monitor.watched import Painted, ask, watched
from playwright.async_api import async_playwright, expect

from masivo_stream.model.snapshot import MovedEnd, PauseShown, Wait
from masivo_stream.monitor.page import load_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
in_one_loop = pytest.mark.asyncio(loop_scope="module")
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
NOTE_VIOLATIONS = "addEventListener('securitypolicyviolation', (event) => console.error('policy', event.blockedURI))"


@asynccontextmanager
async def browsing():
    """Start the browser. `--no-sandbox`: it shows only our pages, and root in a container has no other way."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    """One browser for all tests here: its start takes longer than most of them."""
    async with browsing() as started:
        yield started


@asynccontextmanager
async def looking(browser, address, complaints, **context):
    """Open the page, and note its errors, its requests to other hosts, and its dialogs."""
    window = await browser.new_context(timezone_id="America/Bogota", **context)
    page = await window.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((f"http://{address}/", "data:")) else complaints.append(request.url)
        ),
    )
    if context.get("java_script_enabled", True):
        await page.add_init_script(NOTE_VIOLATIONS)
    await page.goto(f"http://{address}/")
    yield page
    await window.close()


@pytest.mark.slow
@in_a_browser
@in_one_loop
async def test_hostile_text_is_shown_as_text(browser):
    """Markup, templates, reversed and endless names are shown as text, in light and dark, no wider than a phone."""
    complaints = []
    async with watched(Painted(made_snapshots.HOSTILE_SNAPSHOT)) as address:
        for scheme, size in (("light", WIDE), ("dark", PHONE)):
            async with looking(browser, address, complaints, color_scheme=scheme, viewport=size) as page:
                await expect(page.locator("#anomalies > li")).to_have_count(12)
                text = await page.inner_text("body")
                for shown in ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "{{ 7 * 7 }}"):
                    assert shown in text
                assert "\\u202e" in text
                assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b\x9b]", text)
                assert await page.locator("img, a[href^=javascript], main svg [onload], main script").count() == 0
                assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        async with looking(browser, address, complaints, java_script_enabled=False) as page:
            text = await page.inner_text("body")
            assert "<svg onload=alert(3)>" in text
            assert "\u202e" not in text
            assert await page.locator("img").count() == 0
    assert complaints == []


@pytest.mark.slow
@in_a_browser
@in_one_loop
async def test_the_page_follows_the_run(browser):
    """It shows the kinds, reconnects when the run goes on, shows how it ended, and reports a missing answer."""
    painted, complaints = Painted(made_snapshots.EARLY), []
    async with watched(painted) as address, looking(browser, address, complaints, viewport=PHONE) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Starting")
        painted.shown = made_snapshots.WORKING
        await expect(page.get_by_role("heading", level=1)).to_have_text("Migrating events")
        await expect(page.get_by_role("progressbar", name="events")).to_have_attribute("aria-valuetext", "58 %")
        await expect(page.locator("#finish-at")).to_have_text("22:57")  # in the reader's time zone
        await expect(page).to_have_title("58 % Migrating events · masivo-stream")
        assert await page.get_by_role("slider").count() == 2
        painted.shown = made_snapshots.FINISHING
        await expect(page.get_by_role("heading", level=1)).to_have_text("Finishing")
        painted.shown = made_snapshots.DONE
        await expect(page.get_by_role("heading", level=1)).to_have_text("Complete, with dead letters")
        await expect(page.locator("#todo")).to_contain_text("masivo-stream retry")
        await expect(page.locator("#spoken")).to_contain_text("Complete, with dead letters")
    painted.shown = made_snapshots.WORKING
    assert complaints == []
    async with watched(painted) as address:
        page = await browser.new_page()
        await page.goto(f"http://{address}/")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Migrating events")
    await expect(page.locator("#lost")).to_contain_text("The run does not answer")


async def test_the_page_is_one_document():
    """It has no reference to another file, and its policy names script and style by their hashes."""
    async with watched() as address:
        _, headers, body = await ask(address, "/")
    text = body.decode()
    assert set(re.findall(r"https?://[^\s\"'<>)]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert headers["content-security-policy"] == load_page().policy
    assert "unsafe" not in load_page().policy
    assert text.count("<script>") == text.count("<style>") == 1


def luminance(colour):
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_text_colour_has_enough_contrast():
    """In light and dark, each has a contrast of at least 4.5 against its background (WCAG 2.2, AA)."""
    style = re.search(r"<style>(.*?)</style>", load_page().render(made_snapshots.EARLY).decode(), re.DOTALL)[1]
    themes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", theme)) for theme in style.split("@media")[:2]]
    for theme in themes:
        for text, ground in itertools.product(("ink", "quiet", "accent", "good", "warn", "bad"), ("paper", "card")):
            dark, light = sorted([luminance(theme[text]), luminance(theme[ground])])
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


RATES = "stretches(snapshot).map((one) => one.rate)"
COLOUR = "getComputedStyle(document.querySelector('#phases .fill')).backgroundColor"


@pytest.mark.skipif(accessibility.AXE is not None, reason="axe-core is here, and looks at the pages")
def test_axe_is_not_here():
    """Without it, a part of the tests in a browser is missing: pip install axe-playwright-python."""
    pytest.skip("axe-core is not here: nothing looks for faults of accessibility; pip install axe-playwright-python")


@pytest.mark.slow
@in_a_browser
@in_one_loop
async def test_a_paced_run_is_a_line(browser):
    """Although a request leaves every five seconds only; and the keyboard reads the chart as the pointer does."""
    painted, complaints = Painted(made_states.SNAPSHOTS["working"]), []
    async with watched(painted) as address, looking(browser, address, complaints) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Migrating events")
        steady = await page.evaluate(RATES)
        assert max(steady) < 1.06 * min(steady), steady
        painted.shown = made_states.SNAPSHOTS["paced"]
        await expect(page.get_by_role("heading", level=1)).to_have_text("Migrating customers")
        paced = await page.evaluate(RATES)
        assert len(paced) > 5
        assert max(paced) < 1.02 * min(paced), paced
        chart = page.get_by_role("slider", name="Throughput over time")
        await chart.focus()
        await page.keyboard.press("Home")
        await page.keyboard.press("ArrowRight")
        assert await chart.get_attribute("aria-valuenow") == "1"
        first = await page.inner_text("#throughput .reading")
        assert first == await chart.get_attribute("aria-valuetext")
        await page.keyboard.press("End")
        assert await page.inner_text("#throughput .reading") != first
    assert complaints == []


@pytest.mark.slow
@in_a_browser
@in_one_loop
async def test_the_page_says_what_to_do_and_is_for_any_reader(browser):
    """In each state: what to do, when it is done; no fault of accessibility; every control is reached by keyboard."""
    states = made_states.SNAPSHOTS
    painted, complaints, faults = Painted(states["working"]), [], {}
    async with watched(painted) as address, looking(browser, address, complaints) as page:
        todo, command, said = page.locator("#todo"), page.locator("#todo code").first, page.locator("#todo-remark")
        await expect(said).to_have_text("Nothing.")
        await expect(page.locator("#finish")).to_be_visible()
        await expect(page.locator("#share")).to_have_text("53 %")
        await expect(page.locator("#unread")).to_contain_text("about 978,090 records")
        await expect(page.get_by_role("meter", name="not read yet")).to_have_attribute("aria-valuetext", "46 %")
        await expect(page.locator("#letters-part")).to_be_hidden()
        faults["working"] = await accessibility.find_faults(page) + await accessibility.find_unreached(page)
        painted.shown = states["outage"]
        await expect(page.locator("#forecast")).to_have_text("No finishing time while the API does not answer.")
        await expect(page.locator("#finish")).to_be_hidden()
        await expect(said).to_have_text("Nothing: the run tries again by itself.")
        await expect(page.locator("#anomalies li.warn")).to_contain_text("again in ")
        faults["outage"] = await accessibility.find_faults(page)
        moved = MovedEnd(at=made_snapshots.NOW, was=made_snapshots.NOW, now=made_snapshots.NOW + 7200, why="it slept")
        painted.shown = msgspec.structs.replace(states["in doubt"], moved=moved)
        await expect(command).to_have_text("masivo-stream resolve --state-dir masivo-state")
        await expect(page.locator("#todo-remark")).to_have_text(
            "Nothing now. When the run has ended: 1,000 in doubt, 425 dead letters."
        )
        await expect(page.locator("#anomalies")).to_contain_text("refuses a request (422), 25 times")
        await expect(page.locator("#forecast")).to_contain_text(": it slept.")
        faults["in doubt"] = await accessibility.find_faults(page)
        faults["in doubt, dark"] = await accessibility.find_contrast_faults(page, "dark")
        paused = PauseShown(since=made_snapshots.NOW - 60, by="ana@shop", command="masivo-stream resume --state-dir s")
        painted.shown = msgspec.structs.replace(
            states["working"], paused=paused, wait=Wait(what="paused", text="paused")
        )
        await expect(todo).to_contain_text("by ana@shop: nothing is sent")
        await expect(command).to_have_text("masivo-stream resume --state-dir s")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Paused")
        painted.shown = states["interrupted"]
        await expect(todo).to_contain_text("Start the same command again")
        assert await page.inner_text("#share") == "38 %"
        faults["interrupted, dark"] = await accessibility.find_faults(page)
        assert await accessibility.count_moving(page) == 0
    assert complaints == []
    assert {state: found for state, found in faults.items() if found} == {}


@pytest.mark.slow
@in_a_browser
@in_one_loop
async def test_only_what_has_its_outcome_is_green(browser):
    """A kind whose records were all sent is not green while one of them is in doubt."""
    done, complaints = made_states.SNAPSHOTS["done"], []
    painted = Painted(msgspec.structs.replace(done, outcome=""))
    async with watched(painted) as address, looking(browser, address, complaints) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Finishing")
        assert await page.locator("#unread").is_hidden()
        green = await page.evaluate(COLOUR)
        assert green == "rgb(44, 117, 72)"
        first, *others = done.phases
        doubtful = msgspec.structs.replace(first, figures=msgspec.structs.replace(first.figures, in_doubt=1))
        painted.shown = msgspec.structs.replace(done, phases=(doubtful, *others), outcome="")
        await expect(page.locator("#phases .figures .warn")).to_have_text("in doubt1")
        await expect(page.locator("#phases .percent").first).to_have_text("99 %")
        assert await page.evaluate(COLOUR) != green
        painted.shown = done
        await expect(page.locator("#todo-title")).to_have_text("What you can do")
        assert "next slot" not in await page.locator("#windows").inner_text()
        assert await accessibility.find_faults(page) == []
    assert complaints == []
