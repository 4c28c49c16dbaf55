"""The pages for any reader: axe-core finds no fault in any state, every control is reached by keyboard, nothing moves.

axe-core (https://github.com/dequelabs/axe-core) comes with the package `axe-playwright-python`; Chromium is the
system's. Without either of them the test is skipped.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

import made_states
import pytest
from monitor.test_fleet_monitor import FLEET
from monitor.watched import Painted, watched
from playwright.async_api import async_playwright

from masivo_stream.monitor.fleet_page import load_fleet_page
from masivo_stream.observe.report_page import draw_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = find_spec("axe_playwright_python")
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"
FAULTS = f"""axe.run({RULES}).then((found) => found.violations.flatMap(
    (rule) => rule.nodes.map((node) => `${{rule.id}}: ${{node.html.slice(0, 120)}} ${{node.failureSummary}}`)))"""
FOCUSABLE = "a[href], button, summary, [tabindex]"
RINGED = f"""() => {{ const one = document.activeElement, style = getComputedStyle(one);
    return [[...document.querySelectorAll("{FOCUSABLE}")].indexOf(one),
            style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2] }}"""
MOVING = "document.getAnimations({subtree: true}).length"


async def look(page, address):
    """Return what axe finds on a page, in light and dark, and controls that the keyboard does not reach visibly."""
    await page.goto(address)
    if address.startswith("http"):
        await page.locator("#app").wait_for()
    await page.evaluate(Path(AXE.origin).with_name("axe.min.js").read_text())
    found = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += await page.evaluate(FAULTS)
    controls, reached = await page.locator(FOCUSABLE).filter(visible=True).count(), set()
    for _ in range(controls):
        await page.keyboard.press("Tab")
        place, ringed = await page.evaluate(RINGED)
        reached.add(place)
        found += [] if ringed else [f"no visible focus: control {place}"]
    return found + ([] if len(reached) == controls else [f"{controls} controls, reached: {sorted(reached)}"])


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
@pytest.mark.skipif(AXE is None, reason="no axe-core here: pip install axe-playwright-python")
async def test_every_page_is_for_any_reader(tmp_path):
    """The page of a run in every state, the page of a fleet, and the report: contrast, labels, structure, keyboard."""
    faults, painted = {}, Painted()
    fleet = tmp_path / "fleet.html"
    fleet.write_bytes(load_fleet_page().render(FLEET))
    files = {"fleet": fleet}
    for state, report in made_states.REPORTS.items():
        files[f"report: {state}"] = tmp_path / f"{state}.html"
        files[f"report: {state}"].write_text(draw_report(report))
    async with async_playwright() as playwright, watched(painted) as address:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1200, "height": 900})
        for state, painted.shown in made_states.SNAPSHOTS.items():
            faults[state] = await look(page, f"http://{address}/")
        assert await page.evaluate(MOVING) == 0
        for name, file in files.items():
            faults[name] = await look(page, file.as_uri())
        await browser.close()
    told = "\n".join(f"{name}: {fault}" for name, found in faults.items() for fault in found)
    assert not told, told
