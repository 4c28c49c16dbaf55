"""Capture what a person sees, in every state of a run: on a terminal, on the monitor's page, and in the report.

    python docs/pictures/captures.py

writes the pictures of `docs/what-you-see.md` to `docs/pictures/states/`: terminals of 80 and 120 columns as SVG; page
and report as WebP, on a desktop and on a phone, in light and in dark. The states are those of `tests/made_states.py`:
the pictures change only when what is shown changes. Needs the `dev` extra, and Chromium.
"""

# ruff: noqa: E402 - the tests' states are found by the path that is set first

import asyncio
import base64
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["TZ"] = "UTC"
time.tzset()

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tests")]

import made_states
from make import draw
from monitor.watched import Painted, watched
from playwright.async_api import Browser, Page, async_playwright
from rich.console import Console
from rich.text import Text

from masivo_stream.observe.report_page import draw_report
from masivo_stream.observe.summary_table import print_summary
from masivo_stream.observe.terminal_progress import draw as draw_progress

STATES = HERE / "states"
WIDTHS = (80, 120)
SCREENS = {
    "desktop": {"width": 1100, "height": 760},
    "phone": {"width": 360, "height": 780},
}
QUALITY = 0.72
MOST_BYTES = 1_500_000
"""All pictures together are smaller than that."""

_TO_WEBP = """async ([image, quality]) => {
    const loaded = new Image();
    loaded.src = "data:image/png;base64," + image;
    await loaded.decode();
    const canvas = new OffscreenCanvas(loaded.width, loaded.height);
    canvas.getContext("2d").drawImage(loaded, 0, 0);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/webp", quality })).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


def name_of(state: str) -> str:
    """Return the beginning of a state's file names."""
    return state.replace(" ", "-")


def terminal(columns: int, show: Callable[[Console], object]) -> Text:
    """Return what is printed on a terminal of so many columns, in its colours."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(
            file=nowhere, record=True, width=columns, height=40, force_terminal=True, legacy_windows=False
        )
        show(console)
        return fold(Text.from_ansi(console.export_text(styles=True).strip("\n")), columns)


def fold(shown: Text, columns: int) -> Text:
    """Return a text whose long lines go on in the next line, as on a terminal."""
    lines = []
    for line in shown.split("\n", allow_blank=True):
        lines += line.divide(range(columns, len(line), columns)) if len(line) > columns else [line]
    return Text("\n").join(lines)


def capture_terminals() -> None:
    """Draw the progress of a run at work, and the end of a run that has ended."""
    for state in made_states.STATES:
        report = made_states.REPORTS.get(state)
        for columns in WIDTHS:
            if report is None:
                progress = draw_progress(made_states.SNAPSHOTS[state], width=columns)
                shown = terminal(columns, lambda console, drawn=progress: console.print(drawn))
            else:
                shown = terminal(columns, lambda console, ended=report: print_summary(console, ended))
            draw(shown, STATES / f"{name_of(state)}-{columns}.svg", columns=columns, title="masivo-stream migrate")


@contextmanager
def report_files() -> Iterator[dict[str, str]]:
    """Yield the address of the report of each state that has one."""
    files = {state: STATES / f".{name_of(state)}.html" for state in made_states.REPORTS}
    try:
        for state, file in files.items():
            file.write_text(draw_report(made_states.REPORTS[state]))
        yield {state: file.as_uri() for state, file in files.items()}
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)


async def photograph(browser: Browser, tool: Page, address: str, name: str) -> None:
    """Take the pictures of a page: the part that a person sees first."""
    for screen, size in SCREENS.items():
        for scheme in ("light", "dark"):
            page = await browser.new_page(
                viewport=size, color_scheme=scheme, timezone_id="UTC", reduced_motion="reduce", device_scale_factor=1
            )
            await page.clock.install(time=made_states.NOW)
            await page.clock.pause_at(made_states.NOW + 60)  # a countdown would make each picture another one
            await page.goto(address)
            if address.startswith("http"):
                await page.locator("#app").wait_for()
            image = base64.b64encode(await page.screenshot()).decode()
            packed = await tool.evaluate(_TO_WEBP, [image, QUALITY])
            (STATES / f"{name}-{screen}-{scheme}.webp").write_bytes(base64.b64decode(packed))
            await page.close()


async def capture_pages() -> None:
    """Photograph the monitor's page in every state, and the reports of the runs that have ended."""
    painted = Painted()
    async with async_playwright() as playwright, watched(painted) as address:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tool = await browser.new_page()
        for state, painted.shown in made_states.SNAPSHOTS.items():
            await photograph(browser, tool, f"http://{address}/", f"{name_of(state)}-page")
        with report_files() as reports:
            for state, file in reports.items():
                await photograph(browser, tool, file, f"{name_of(state)}-report")
        await browser.close()


def main() -> None:
    """Make all pictures again."""
    STATES.mkdir(exist_ok=True)
    for old in [*STATES.glob("*.svg"), *STATES.glob("*.webp")]:
        old.unlink()
    capture_terminals()
    asyncio.run(capture_pages())
    size = sum(file.stat().st_size for file in STATES.iterdir())
    sys.stdout.write(f"{len(list(STATES.iterdir()))} pictures, {size:,} bytes\n")
    if size > MOST_BYTES:
        raise SystemExit(f"more than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
