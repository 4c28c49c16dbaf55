"""The report's page in a real browser: text from outside stays text, no request is made, and it fits a phone.

Chromium is the system's (`apt-get install chromium`); without it the test is skipped.
"""

import shutil

import pytest
from made_report import made_report
from playwright.async_api import async_playwright

from masivo_stream.observe.report_page import draw_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "</style></svg><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>\u202e" + "x" * 300


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
async def test_a_browser_finds_nothing_to_execute_or_fetch(tmp_path):
    """No dialog, no request, no violation of the policy; no wider than a phone, and its style is applied."""
    file, complaints = tmp_path / "report.html", []
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
        await browser.close()
    assert complaints == []
