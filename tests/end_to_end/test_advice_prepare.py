"""Advice about mappings and their sources: if followed, the export is written."""

import pytest
from advice_tools import told
from end_to_end_tools import run

pytestmark = pytest.mark.slow

MAPPING = """
[formats]
time_zone = "America/Bogota"
date_formats = ["iso"]
[rewards]
points = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
[sources]
people = { path = "people.csv", dates = ["joined"], numbers = ["points"] }
[customers]
select = "SELECT place, id, name, email, joined AS registration_date, status FROM people"
statuses = { on = "active" }
[balances]
select = "SELECT place, id AS customer_id, 'points' AS reward, points AS amount FROM people"
[engine]
threads = 1
"""
PEOPLE = "id,name,email,joined,points,status\n1,Ana,a@b.co,2020-01-01 10:00:00,10.50,on\n"


@pytest.fixture
def here(tmp_path):
    """A directory with a table and a mapping that fit."""
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    return tmp_path


def prepare(here, *arguments, **options):
    """Run the command in the directory."""
    return run("prepare", "mapping.toml", "-o", "export", "--quiet", *arguments, cwd=here, **options)


def change(here, old, new, file="mapping.toml"):
    text = (here / file).read_text()
    assert old in text
    (here / file).write_text(text.replace(old, new, 1))


def check_written(here):
    """The export is there, and it is right."""
    done = prepare(here)
    assert done.returncode == 0, done.stderr
    assert b'"name":"Ana"' in (here / "export/customers.ndjson").read_bytes()


@pytest.mark.parametrize(
    ("good", "bad", "text", "again"),
    [
        ("[formats]", "[format]", "did you mean {…}?", "[{0}]"),
        ("[formats]", "[shapes]\n[formats]", "the known names are: {…}", "[formats]"),
        ("time_zone", "timezone", "did you mean {…}?", "{0}"),
        ('"America/Bogota"', '"Macondo"', "use a name of the IANA database, such as America/Bogota", '"America/Bogota"'),
        ('"America/Bogota"', '"America/Bogotaa"', "did you mean {…}?", '"{0}"'),
        ('"America/Bogota"', "5", 'write a text: "…"', '"America/Bogota"'),
        ('["iso"]', '"iso"', 'write a list of texts: ["…"]', '["iso"]'),
        ('["iso"]', '["yyyy"]', 'use iso, unix, unix_ms, or a format such as "%d/%m/%Y %H:%M"', '["%Y-%m-%d %H:%M:%S"]'),
        ('["iso"]', '["iso"]\nencoding = "utf9"', "use for example utf-8, latin-1, cp1252 or utf-16", '["iso"]\nencoding = "utf-8"'),
        ('["iso"]', '["iso"]\nquote = "\'\'"', "use one character", '["iso"]\nquote = \'"\''),
        ('["iso"]', '["iso"]\nbackslash_escapes = 1', "write true or false", '["iso"]\nbackslash_escapes = false'),
        ('["iso"]', '["iso"]\ndecimal_mark = "-"', "use one of: {…}", '["iso"]\ndecimal_mark = "."'),
        ("[rewards]\npoints = ", "rewards = 1\n[other]\n#", 'write names and ids: points = "the reward\'s id"', None),
        ('"5f0c2d1e-8a43', '"5f', "write the UUID; masivo-stream check lists the rewards of an account", '"5f0c2d1e-8a43'),
        ("people = {", "my-people = {", "use letters, digits and _", "people = {"),
        ('{ path = "people.csv", dates = ["joined"], numbers = ["points"] }', "7", 'write {…} = { path = "{…}.csv" }', '{{ path = "{1}.csv", numbers = ["points"] }}'),
        ('path = "people.csv"', "path = []", "name a path, a glob, or - for standard input", 'path = "people.csv"'),
        ('"people.csv"', '"people.dat"', "add format, one of {…}", '"people.csv", format = "csv"'),
        ('numbers = ["points"] }', 'numbers = ["points"] }\nmore = { path = "x.db" }', 'add table = "{…}"', 'numbers = ["points"] }'),
        ('SELECT place, id, name, email, joined AS registration_date, status FROM people"\nst', '"\n#', None, None),
        ('on = "active"', 'on = "live"', "the words mean one of: {…}", 'on = "active"'),
        ("threads = 1", "threads = 0", "use 1 or more", "threads = 1"),
        ("threads = 1", "threads = true", "write a whole number", "threads = 1"),
        ("threads = 1", 'memory = "much"', 'write for example "512MB" or "2GB"', 'memory = "512MB"'),
        ("threads = 1", 'memory = "1MB"', "raise memory in [engine], or lower threads", 'memory = "512MB"'),
        ("[balances]\nselect", "[balances]\nselection", "did you mean {…}?", "[balances]\n{0}"),
    ],
)  # fmt: skip
def test_a_frame_is_corrected_as_it_is_told(here, good, bad, text, again):
    """What is wrong in the frame of a mapping is written as the hint has it."""
    if text is None:
        return
    change(here, good, bad)
    done = prepare(here)
    assert done.returncode in {2, 6}, done.stderr
    holes = told(done, text)
    change(here, bad, good if again is None else again.format(*holes))
    check_written(here)
