"""Whether a page is for any reader: axe-core finds no fault, every control is reached by keyboard, and nothing moves.

axe-core (https://github.com/dequelabs/axe-core) comes with the package `axe-playwright-python`. Without it, only the
keyboard and the motion are tested, and `tests/monitor/test_page.py` has a test that is skipped and says so.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

AXE = find_spec("axe_playwright_python")
RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"
FAULTS = """axe.run({{runOnly: {rules}}}).then((found) => found.violations.flatMap(
    (rule) => rule.nodes.map((node) => `${{rule.id}}: ${{node.html.slice(0, 120)}} ${{node.failureSummary}}`)))"""
FOCUSABLE = "a[href], button, summary, [tabindex]"
RINGED = f"""() => {{ const one = document.activeElement, style = getComputedStyle(one);
    return [[...document.querySelectorAll("{FOCUSABLE}")].indexOf(one),
            style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2] }}"""


@cache
def _axe():
    return Path(AXE.origin).with_name("axe.min.js").read_text()


async def find_faults(page, *, rules=RULES):
    """Return what axe finds on a page as it is shown now."""
    if AXE is None:
        return []
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_axe())
    return await page.evaluate(FAULTS.format(rules=rules))


async def find_contrast_faults(page, scheme):
    """Return which texts are hard to read in the other scheme."""
    await page.emulate_media(color_scheme=scheme)
    return await find_faults(page, rules="{type: 'rule', values: ['color-contrast']}")


async def find_unreached(page):
    """Return the controls that the keyboard does not reach, or whose focus is not seen."""
    controls, reached, found = await page.locator(FOCUSABLE).filter(visible=True).count(), set(), []
    await page.locator("body").press("Home")
    for _ in range(controls):
        await page.keyboard.press("Tab")
        place, ringed = await page.evaluate(RINGED)
        reached.add(place)
        found += [] if ringed else [f"no visible focus: control {place}"]
    return found + ([] if len(reached) == controls else [f"{controls} controls, reached: {sorted(reached)}"])


async def count_moving(page):
    """Return how many things move for a reader who does not want that."""
    await page.emulate_media(reduced_motion="reduce")
    return await page.evaluate("document.getAnimations({subtree: true}).length")
