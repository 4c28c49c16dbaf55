"""The report's page in a real browser: text from outside stays text, no request is made, and it fits a phone.

Chromium is the system's (`apt-get install chromium`); without it the test is skipped.
"""

import shutil

import accessibility
import made_states
import pytest
from made_report import made_report
from playwright.async_api import async_playwright

from masivo_stream.observe.report_page import draw_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SIDEWAYS = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth).length"
A4 = {"width": 688, "height": 1000}  # 210 mm without the margins, at 96 dots an inch
HOSTILE = "</style></svg><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>\u202e" + "x" * 300


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
async def test_a_browser_finds_nothing_to_execute_or_fetch(tmp_path):
    """No dialog, no request, no violation; no table wider than a phone or a sheet of A4; no fault of accessibility."""
    file, complaints, faults = tmp_path / "report.html", [], []
    file.write_text(draw_report(made_report(HOSTILE)))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme, width in (("light", 1200), ("dark", 390)):
            page = await browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
            page.on("console", lambda message: complaints.append(message.text))
            page.on("dialog", lambda dialog: complaints.append(dialog.message))
            page.on("request", lambda request: request.url == file.as_uri() or complaints.append(request.url))
            await page.goto(file.as_uri())
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert await page.evaluate("document.querySelectorAll('script, img').length") == 0
            paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert paper == {"light": "rgb(246, 246, 243)", "dark": "rgb(15, 19, 22)"}[scheme]
        page = await browser.new_page(viewport={"width": 360, "height": 780})
        for report in (made_states.REPORTS["interrupted"], made_states.REPORTS["in doubt"]):
            file.write_text(draw_report(report))
            await page.goto(file.as_uri())
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360
            assert await page.evaluate(SIDEWAYS) == 0
        faults += await accessibility.find_faults(page) + await accessibility.find_unreached(page)
        faults += await accessibility.find_contrast_faults(page, "dark")
        await page.emulate_media(media="print")
        await page.set_viewport_size(A4)
        assert await page.evaluate("document.documentElement.scrollWidth") <= A4["width"]
        assert await page.locator("th.total").is_visible()
        await browser.close()
    assert complaints == []
    assert faults == []
