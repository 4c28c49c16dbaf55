"""One word for one thing, in plain English: no text of the project uses a word that has been given up.

The words are in `plain_words`, each with what to write instead. `python tests/plain_words.py` counts what is left.
"""

import pytest
from plain_words import (
    ALLOWED,
    OLD_WORDS,
    PACKAGE,
    ROOT,
    Finding,
    files_of_tests,
    find,
    find_in,
    package_files,
    pages,
    room_of,
)

NOT_YET: set[str] = set()
"""Rooms of the package that have not been reworded yet. A room that is clean leaves this list for good."""

ROOMS = sorted({room_of(path) for path in package_files()})


def listed(found):
    return "\n".join(map(str, found))


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_use_current_words(path):
    """README, docs, changelog, settings example, benchmarks page, Job and image."""
    found = list(find(path))
    assert not found, listed(found)


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in NOT_YET])
def test_the_package_uses_current_words(room):
    """Names, docstrings, comments, messages and help of each room."""
    found = [finding for path in package_files() if room_of(path) == room for finding in find(path)]
    assert not found, listed(found)


def test_the_tests_use_current_words():
    """Names, docstrings and comments. Texts in tests may quote the past."""
    found = [finding for path in files_of_tests() for finding in find(path)]
    assert not found, listed(found)


@pytest.mark.slow
def test_rooms_that_are_clean_are_kept_clean():
    """What is listed as not reworded yet still has something to reword."""
    assert set(ROOMS) >= NOT_YET, "NOT_YET names a room that does not exist: take it off the list"
    left = {room_of(path) for path in package_files() if room_of(path) in NOT_YET and any(find(path))}
    assert left == NOT_YET, f"no old word is left in {sorted(NOT_YET - left)}: take them off NOT_YET"


@pytest.mark.slow
def test_every_exception_is_needed():
    """An exception that allows nothing any more is removed."""
    used = {
        allowed
        for path in [*pages(), *package_files(), *files_of_tests()]
        for finding in find(path, strict=True)
        if (allowed := finding.allowed)
    }
    assert set(ALLOWED) == used


def words(text, suffix=".py"):
    return [finding.word for finding in find_in(f"example{suffix}", text)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""Judge a line."""', ["Judge"]),
        ('"""Validate a line."""', []),
        ("x = 1  # nobody reads it", ["nobody"]),
        ("def verdict_of(x): ...", ["verdict_of"]),
        ("class PulseTimer: ...", ["PulseTimer"]),
        ("impulse = 1", []),
        ("raise ValueError(f'no run stands in {place}')", ["stands"]),
        ('"""It stands for a record."""', []),
        ('"""A dead letter, `letter`, and dead\n    letters."""', []),
        ('"""The letters of a run."""', ["letters"]),
        ('"""Tell whether a line fits."""', ["Tell"]),
        ('"""Say what a line holds."""', ["Say what"]),
        ('"""Return whether two lines can be told apart."""', ["told"]),
        ("# A batch with so\n# many lines.", ["so many"]),
        ('"""Are further ones likely, the next group is larger."""', ["Are further ones likely,"]),
        ('"""Were all of them bad, all would fail."""', ["Were all of them"]),
        ('"""Is it there, or is it not?"""', []),
        ('"""Who dies here cannot know."""', ["Who dies here cannot"]),
        ('"""Who may send?"""', []),
        ('"""Where nothing paces, it is fast."""', ["Where nothing paces, it"]),
        ('"""It waits, for it has time."""', [", for it has"]),
        ('"""It waits, for example."""', []),
        ('"""One row a batch."""', ["One row a batch"]),
        ('"""Ten lines a second."""', []),
        ('"""A process who waits."""', ["process who"]),
        ('"""A customer who waits."""', []),
    ],
)
def test_old_words_are_found(source, found):
    """In names, docstrings, comments and messages, as whole words, over the ends of lines."""
    assert words(source) == found


def test_only_docstrings_comments_and_names_of_tests_are_checked():
    """Other texts belong to the program, or to what it did earlier."""
    source = 'def test_a_gate():\n    """Judge a line."""  # nobody\n    assert "stands" in text\n'
    assert [finding.word for finding in find_in("tests/test_example.py", source)] == ["Judge", "nobody", "test_a_gate"]


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("def test_a_full_disk_is_told(): ...", ["returns, reports, shows, gives"]),
        ("def test_a_mended_letter(): ...", ["dead letter", "correct, fix"]),
        ("def test_a_dead_letter_can_be_told_apart(): ...", ["returns, reports, shows, gives"]),
        ("def test_a_corrected_dead_letter_is_sent(): ...", []),
        ("def test_who_cannot_be_read_back_is_left_out(): ...", ["a subject, not 'who', at the beginning"]),
        ("def test_of_two_exports_one_is_chosen(): ...", ["a subject, not 'of', at the beginning"]),
        ("def test_a_customer_who_waits_is_listed(): ...", []),
        ("class LooksBack: ...", ["read back"]),
        ("def mend(letter): ...", ["correct, fix"]),
        ("verdict = 1", ["outcome (of an attempt) or result (of a line)"]),
    ],
)
def test_a_name_in_the_tests_is_read_as_a_sentence(name, instead):
    """Names of functions and classes; other names are held to the words that no name may have."""
    assert [finding.instead for finding in find_in("tests/test_example.py", name)] == instead


def test_code_in_a_page_is_not_checked():
    """A page's commands and what they print belong to the program."""
    page = "A `judge` of text.\n\n```sh\njudge\n```\n\n| judge | b |\n"
    assert [(finding.line, finding.word) for finding in find_in("page.md", page)] == [(7, "judge")]


def test_a_finding_says_what_to_write():
    """File, line, word, and the word of today."""
    assert str(Finding("a.py", 3, "judge", "validate", None)) == "a.py:3: 'judge': write validate"


def test_each_word_has_a_replacement():
    """And is listed once."""
    assert all(word.instead for word in OLD_WORDS)
    assert len({word.pattern for word in OLD_WORDS}) == len(OLD_WORDS)
    assert PACKAGE.is_dir()
