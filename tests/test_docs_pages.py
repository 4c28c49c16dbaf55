"""The commands of the pages under docs/ run, and print what the pages show."""

import re
import shutil
from pathlib import Path

import pytest
from docs_pages import DOCS, LANGUAGES, Step, blocks, commands, looks_like, run_page, steps

from masivo_stream.cli.main import build_app
from masivo_stream.model.reason import Reason
from masivo_stream.prepare.presets.preset_files import list_presets
from masivo_stream.sandbox import FAULT_NAMES
from masivo_stream.sandbox.fault_forms import FORMS

PAGES = {str(path.relative_to(DOCS)): path.read_text() for path in sorted(DOCS.rglob("*.md"))}
PRESETS = [name for name in PAGES if name.startswith("presets/")]
"""Pages that are followed with the sample of a preset."""
README = (DOCS.parent / "README.md").read_text()
SAMPLES = DOCS.parent / "tests" / "prepare" / "samples"
ELSEWHERE = {"containers.md", "monitoring.md"}
"""Pages whose commands need Docker, a cluster, or a browser; other tests check them."""

RUN = [name for name, page in PAGES.items() if name not in (*ELSEWHERE, *PRESETS) and any(steps(page))]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="the pages mend with jq")
@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_page_print_what_it_shows(name, tmp_path):
    """Each command succeeds, or prints what is shown below it."""
    for step, code, printed, complaints in run_page(PAGES[name], tmp_path):
        if step.output is None:
            assert code == 0, (step.command, printed, complaints)
        else:
            assert looks_like(step.output, printed), f"$ {step.command}\n{printed}\n{complaints}"


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_the_page_of_a_preset_is_followed_to_a_finished_migration(name, tmp_path, served):
    """From the sample of the preset to the sandbox, by the commands of the page alone."""
    preset = Path(name).stem
    shutil.copytree(SAMPLES / preset, tmp_path / "src")
    variables = {"MASIVO_BASE_URL": served.url, "MASIVO_API_KEY": served.key, "MASIVO_LIMIT": "none"}
    commands = []
    for step, code, printed, complaints in run_page(PAGES[name], tmp_path, **variables):
        commands.append(step.command)
        assert code == 0, (step.command, printed, complaints)
        if step.output is not None:
            assert looks_like(step.output, printed), f"$ {step.command}\n{printed}\n{complaints}"
    assert f"masivo-stream prepare --init {preset} src/ -o mapping.toml\n" in commands
    assert served.ledger()["customers"]


@pytest.mark.parametrize("name", [*PAGES, "README.md"])
def test_every_command_and_flag_exists(name):
    """Also in blocks that are not run: the parser takes them."""
    page = PAGES.get(name, README)
    for words in commands(page):
        plain = words[1 : next((at for at, word in enumerate(words) if word in {"|", ">", "2>", "&"}), None)]
        if "…" in plain or not plain:
            continue
        app = build_app(plain[0])
        app.parse_args([word for word in plain if word != "$kind"] if "$kind" not in plain else
                       ["customers" if word == "$kind" else word for word in plain],
                       exit_on_error=False, print_error=False)  # fmt: skip


@pytest.mark.parametrize("name", [*PAGES, "README.md"])
def test_every_link_leads_somewhere(name):
    """To a file of the project, and to a heading in it."""
    page, base = PAGES.get(name, README), (DOCS / name).parent if name in PAGES else DOCS.parent
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page):
        path, _, heading = target.partition("#")
        found = (base / path).resolve() if path else base / Path(name).name
        assert found.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", Path(found).read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-") for text in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_block_has_a_language(name):
    """A language, and `unrun` if it is not run."""
    for words, _ in blocks(PAGES[name]):
        language, *more = words or [""]
        assert language in LANGUAGES | {"yaml", "dockerfile"}, language
        assert more in ([], ["unrun"])


def test_every_page_is_in_the_index():
    """And the README leads to the index."""
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", PAGES["index.md"]))
    assert linked == set(PAGES) - {"index.md", *PRESETS}
    assert {f"presets/{name}.md" for name in list_presets()} == set(PRESETS)
    assert set(re.findall(r"\]\((presets/[^)]+)\)", PAGES["presets.md"])) == set(PRESETS)
    assert "(docs/index.md)" in README


def first_cells(page):
    return [match[1] for match in re.finditer(r"^\| `([a-z0-9_-]+)", page, re.MULTILINE)]


def test_every_reason_is_explained():
    """With what it means and what to do."""
    section = PAGES["dead-letters.md"].split("\n## Reasons\n", 1)[1]
    assert sorted(first_cells(section)) == sorted(Reason)


def test_every_fault_is_explained():
    """The page's table is the language's, and so is that of `sandbox --help`: each with the options that it takes."""
    section = PAGES["sandbox.md"].split("\n## Faults\n", 1)[1].split("\n| option ", 1)[0]
    rows = [re.split(r" (?<!\\)\|", row)[:3] for row in section.splitlines() if row.startswith("| `")]
    assert {name.strip("| `"): set(re.findall(r"`(\w+)=", options)) for name, _, options in rows} == {
        form.form: {option.partition("=")[0] for option in form.options} for form in FORMS
    }
    assert [form.name for form in FORMS] == list(FAULT_NAMES)


def test_a_page_is_divided_into_commands_and_their_output():
    """Into commands with what they print, without those that are not run."""
    page = "```console\n$ a |\n>   b\none\n$ c\n```\n```sh unrun\nd\n```\n```sh\ne\nf\n```\n"
    assert list(steps(page)) == [Step("a |\n  b", "one"), Step("c", ""), Step("e\nf\n", None)]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a … c", "a 17 c\n", True),
        ("a\n…\nd", "a\nb\nc\nd\n", True),
        ("a\n…\nd", "a\nd\n", True),
        ("a", "a\nb\n", False),
        ("a.c", "abc\n", False),
        ("", "", True),
        ("", "a\n", False),
    ],
)
def test_placeholders_stand_for_anything(expected, printed, same):
    """And nothing else does."""
    assert looks_like(expected, printed) is same
