"""The documentation as a site: what it is made of. CI builds it and checks its links."""

import tomllib

import pytest
from made_docs import ROOT, program

site = program("build_site")


def pages_of(entries):
    for entry in entries:
        match entry:
            case str():
                yield entry
            case dict():
                for inner in entry.values():
                    yield from pages_of(inner if isinstance(inner, list) else [inner])


def test_every_page_is_in_the_navigation_once():
    """And nothing else is: a page that is in the index is in the navigation."""
    listed = list(pages_of(tomllib.loads(f"nav = {site.navigation()}")["nav"]))
    assert sorted(listed) == sorted(str(path.relative_to(ROOT)) for path in site.pages())


def test_what_pages_link_to_is_part_of_the_site():
    """Pictures and examples; nothing outside of the repository."""
    linked = site.linked_files()
    assert {ROOT / "config.example.toml", ROOT / "docs/pictures/flow.svg", ROOT / "docs/pictures/demo-80.svg"} <= linked
    assert all(path.is_relative_to(ROOT) for path in linked)


def test_a_block_that_is_not_run_is_a_block_like_others():
    """The generator takes a fence with two words for no fence, and all that follows for code."""
    assert site._UNRUN.sub(r"\1", "```sh unrun\na\n```\n") == "```sh\na\n```\n"
    assert not [path for path in site.pages() if "unrun" in site._UNRUN.sub(r"\1", path.read_text())]


def test_a_site_loads_nothing_from_elsewhere(tmp_path):
    """The one script that the generator loads is beside the pages; anything else is found."""
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "log.html"
    page.write_text(f'<a href="https://docs.masivo.ai">M</a><script src="{site._SHIM_ELSEWHERE}"></script>')
    assert site.keep_at_home(tmp_path) == []
    assert '<script src="../assets/iframe-worker.js">' in page.read_text()
    assert (tmp_path / "assets/iframe-worker.js").stat().st_size > 1000
    page.write_text('<link rel="stylesheet" href="https://fonts.example/css"><img src="//example.com/x.png">')
    assert len(site.keep_at_home(tmp_path)) == 2


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml"])
def test_the_generator_is_pinned(name):
    """Its versions are 0.x."""
    assert "zensical==0.0.73" in (ROOT / name).read_text()
