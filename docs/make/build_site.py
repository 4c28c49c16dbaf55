"""Build the documentation as a site, `site/`, and check every link and anchor.

    python docs/make/build_site.py

needs the extra `docs`. The site is the repository's pages as they are: README, changelog, `docs/` and `bench/README.md`
are copied with their folders into a temporary directory, with the files that they link to, so a link that is right on
GitHub is right here. A link or an anchor that leads nowhere fails the build. The site loads nothing from elsewhere, and
can be read from a disk: open `site/index.html`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CONFIGURATION = "zensical.toml"
PAGES = ("README.md", "CHANGELOG.md", "bench/README.md", "docs/**/*.md")
_LINK = re.compile(r"\]\((?!https?:|#)([^)\s#]+)")
_UNRUN = re.compile(r"^(```\w+) unrun$", re.MULTILINE)
"""A block that the tests do not run; Python-Markdown takes a fence with two words for no fence."""
_ROW = re.compile(r"^\| \[([^]]+)\]\(([a-z-]+\.md)\)", re.MULTILINE)
_SHIM = Path(__file__).parent / "iframe-worker.js"
_SHIM_ELSEWHERE = "https://unpkg.com/iframe-worker/shim"
"""What the generator's pages load so that their search works on a disk; ours has it beside them."""
_LOADED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^>]*>""")


def pages() -> list[Path]:
    """Return every page of the site."""
    return sorted(path for pattern in PAGES for path in ROOT.glob(pattern))


def linked_files() -> set[Path]:
    """Return the files beside the pages that they link to: pictures, examples, recipes."""
    found = {(page.parent / target).resolve() for page in pages() for target in _LINK.findall(page.read_text())}
    return {path for path in found if path.is_file()} - set(pages())


def navigation() -> str:
    """Return the navigation as TOML: the sections and pages of `docs/index.md`, and what is beside `docs`."""
    sections = re.split(r"^## ", (ROOT / "docs" / "index.md").read_text(), flags=re.MULTILINE)[1:]
    entries = ['{ "First ten minutes" = "README.md" }', '{ "All pages" = "docs/index.md" }']
    for section in sections:
        heading, _, table = section.partition("\n")
        pages_of_section = [_entry(title, page) for title, page in _ROW.findall(table)]
        if section is sections[-1]:
            pages_of_section += [
                '{ "Benchmarks against others" = "bench/README.md" }',
                '{ "Changelog" = "CHANGELOG.md" }',
            ]
        entries.append(f'{{ "{heading}" = [{", ".join(pages_of_section)}] }}')
    return f"[{', '.join(entries)}]"


def _entry(title: str, page: str) -> str:
    """Return the entry of a page; the pages of a folder of its name are below it."""
    below = sorted((ROOT / "docs" / page.removesuffix(".md")).glob("*.md"))
    if not below:
        return f'{{ "{title}" = "docs/{page}" }}'
    inner = [f'"docs/{page}"', *(f'"{path.relative_to(ROOT)}"' for path in below)]
    return f'{{ "{title}" = [{", ".join(inner)}] }}'


def build(place: Path) -> Path:
    """Copy pages and files to an empty directory and build the site there; return where it is.

    Raises:
        subprocess.CalledProcessError: it cannot be built, or a link leads nowhere.
    """
    for path in (*pages(), *linked_files()):
        copy = place / "docs" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        if path.suffix == ".md":
            copy.write_text(_UNRUN.sub(r"\1", path.read_text()))
    head, theme, rest = (ROOT / CONFIGURATION).read_text().partition("[project.theme]")
    (place / CONFIGURATION).write_text(f"{head}nav = {navigation()}\n\n{theme}{rest}")
    program = Path(sys.executable).parent / "zensical"
    environment = {**os.environ, "NO_COLOR": "1"}
    subprocess.run([program, "build", "--strict", "--clean"], cwd=place, env=environment, check=True)
    return place / "site"


def keep_at_home(site: Path) -> list[str]:
    """Have the pages load the shim from beside them; return what they would still load from elsewhere."""
    (site / "assets").mkdir(exist_ok=True)
    shutil.copyfile(_SHIM, site / "assets" / _SHIM.name)
    left = []
    for page in site.rglob("*.html"):
        up = "../" * len(page.relative_to(site).parent.parts)
        text = page.read_text().replace(_SHIM_ELSEWHERE, f"{up}assets/{_SHIM.name}")
        page.write_text(text)
        left += _LOADED.findall(text)
    return left


def main() -> int:
    """Build the site in the working tree."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            site = build(Path(directory))
        except subprocess.CalledProcessError:
            sys.stderr.write("error: the site is not built: see above\n")
            return 1
        if left := keep_at_home(site):
            sys.stderr.write(f"error: pages load something from elsewhere: {', '.join(sorted(set(left)))}\n")
            return 1
        shutil.rmtree(ROOT / "site", ignore_errors=True)
        shutil.move(site, ROOT / "site")
    return 0


if __name__ == "__main__":
    sys.exit(main())
