"""A preparation in parts: the same bytes as one process writes, and every part that cannot be taken up is named."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from itertools import cycle
from pathlib import Path

import msgspec
import pytest
from made_shop import MAPPING, make_shop
from random_tables import write_random_tables

from masivo_stream.model.errors import BugError, ConfigurationError, InputError, StorageError
from masivo_stream.prepare.engine import run as running
from masivo_stream.prepare.engine.run import prepare
from masivo_stream.prepare.engine.share import Share
from masivo_stream.prepare.parts import share_files
from masivo_stream.prepare.parts.make_share import ShareAnswer, make_share, request_share, request_shares, take_share
from masivo_stream.prepare.parts.take_up import PartsToTakeUp, take_up

EXPORTS = ("customers.ndjson", "events.ndjson", "transactions.ndjson", "left-out.csv", "prepare.json")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop of several partitions, what one process makes of it, and its two parts."""
    folder = tmp_path_factory.mktemp("shop")
    make_shop(folder, customers=100, seed=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(running, "ROWS_OF_A_PARTITION", 500)
        prepare("mapping.toml", Path("whole"))
        make_all(folder, "parts", 2)
    return folder


@pytest.fixture
def here(shop, tmp_path, monkeypatch):
    """Be beside a copy of the shop's two parts, with several partitions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", 500)
    for each in shop.glob("*.csv"):
        shutil.copy2(each, tmp_path)
    shutil.copy(shop / "mapping.toml", tmp_path)
    shutil.copytree(shop / "parts", tmp_path / "parts")
    return tmp_path


def make_all(folder, parts, of, order=list):
    """Make all shares of a mapping; return the answers."""
    requests = order(request_shares("mapping.toml", str(folder / parts), of))
    return [msgspec.msgpack.decode(make_share(each), type=ShareAnswer) for each in requests]


def make(number, of, parts="parts", show=lambda _: None):
    """Make one share of the mapping in this directory."""
    return take_share(request_share("mapping.toml", parts, Share(number, of)), show)


def outcome(folder):
    """Return the bytes of all files; an export without records is not there."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if not path.is_dir()}


def shares(parts="parts"):
    """Return the directories of shares, the first one first."""
    return sorted(Path(parts).glob("share-*"))


# The same bytes.


@pytest.mark.parametrize(("of", "rows"), [(3, 500), (5, 2000)])
def test_any_number_of_parts_gives_the_bytes_of_one_process(shop, tmp_path, monkeypatch, of, rows):
    """Made in any order; some of five have no customers at all."""
    monkeypatch.chdir(shop)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", rows)
    made = make_all(shop, tmp_path / "parts", of, lambda requests: random.Random(of).sample(requests, of))
    assert sum(each.partitions for each in made) == made[0].of_partitions
    assert (min(each.partitions for each in made) == 0) == (of == 5)
    whole = Path("whole")
    if rows != 500:
        whole = tmp_path / "whole"
        prepare("mapping.toml", whole)
    found = take_up(PartsToTakeUp("mapping.toml", str(tmp_path / "parts")), tmp_path / "export")
    assert found.closes
    assert outcome(tmp_path / "export") == outcome(whole)
    assert sorted(each.name for each in (tmp_path / "export").iterdir()) == sorted(EXPORTS)
    assert {path.name[0] for path in (tmp_path / "parts").iterdir()} == {"s", "t"}  # nothing hidden is left


@pytest.mark.parametrize(("seed", "of", "rows"), [(2, 3, 50)])
def test_dirty_tables_in_parts(tmp_path, monkeypatch, seed, of, rows):
    """Emails across customers, remarkable values of a SELECT, rows of unknown customers, policies at random."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", rows)
    write_random_tables(tmp_path, seed)
    found = prepare("mapping.toml", Path("whole"))
    assert {"email_twice", "not_selected", "wrong_field_count", "repeated_hour"} <= {r.reason for r in found.remarks}
    make_all(tmp_path, "parts", of)
    take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))
    assert outcome("export") == outcome("whole")


def test_without_customers_or_without_any_row(tmp_path, monkeypatch):
    """A mapping of one kind only, and sources of which nothing is left."""
    monkeypatch.chdir(tmp_path)
    Path("ledger.csv").write_text("customer,amount,date\n1,5,2021-01-01\n2,6,2021-01-01\n")
    Path("mapping.toml").write_text(
        '[formats]\ntime_zone = "UTC"\n[rewards]\np = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"\n[sources]\n'
        'ledger = { path = "ledger.csv", dates = ["date"] }\n[transactions]\nselect = "SELECT place, customer AS'
        " customer_id, 'p' AS reward, amount, date AS issued_at FROM ledger WHERE amount = '5'\"\n"
    )
    for rows in ("1,5,2021-01-01\n2,6,2021-01-01\n", "2,6,2021-01-01\n"):
        Path("ledger.csv").write_text(f"customer,amount,date\n{rows}")
        prepare("mapping.toml", Path("whole"))
        make_all(tmp_path, "parts", 2)
        take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))
        assert outcome("export") == outcome("whole")


def test_shares_hold_nothing_but_their_customers(here):
    """Of a customer, one share has all; and what describes a share names no customer."""
    ids = [
        {json.loads(line)["id"] for name in EXPORTS[:3] for line in (each / name).read_bytes().splitlines()}
        for each in shares()
    ]
    assert ids[0]
    assert ids[1]
    assert not ids[0] & ids[1]
    for path in Path("parts").glob("*/*.json"):
        assert not re.search("@|Núñez", path.read_text())
    assert {path.stat().st_mode & 0o077 for path in Path("parts").glob("table-*")} == {0}
    for each in shares():
        assert {path.stat().st_mode & 0o077 for path in each.iterdir() if path.name != "share.json"} == {0}


# Parts that cannot be taken up.


def error_of(parts="parts", mapping="mapping.toml"):
    """Return the error of taking up, which has written nothing."""
    with pytest.raises(ConfigurationError) as error:
        take_up(PartsToTakeUp(mapping, parts), Path("export"))
    assert not [each for name in EXPORTS for each in Path("export").glob(name)]
    return error.value


def follow(hint, parts="parts"):
    """Do what the command in a hint says."""
    loop = re.search(r"for part in ([\d ]+); do .* --part \"\$part/(\d+)\" -o (\S+) ", hint)
    one = re.search(r"--part (\d+)/(\d+) -o (\S+)$", hint)
    numbers, of, where = loop.groups() if loop else one.groups()
    assert where == parts
    for number in numbers.split():
        make(int(number), int(of), where)


def test_missing_parts_are_named(here):
    """One with its command, several with a loop; what the hint says helps."""
    shutil.rmtree(shares()[1])
    error = error_of()
    assert str(error) == "1 of 2 parts cannot be taken up: 2 missing"
    assert error.hint.endswith(": masivo-stream prepare mapping.toml --part 2/2 -o parts")
    follow(error.hint)
    make(2, 4, "others")
    assert str(error_of("others")) == "3 of 4 parts cannot be taken up: 1, 3, 4 missing"
    assert "no parts here" in str(error_of("none"))
    Path("none").mkdir()
    assert "for part in 1 2; do" in error_of("none").hint
    take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))


def test_parts_of_another_mapping_or_other_sources_are_stale(here):
    """They are named, and made again beside the old ones. Comments and [engine] change nothing."""
    Path("mapping.toml").write_text(f"# a comment\n{MAPPING}\n[engine]\nthreads = 1\nmemory = '400MB'\n")
    take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))
    shutil.rmtree("export")
    Path("mapping.toml").write_text(MAPPING.replace('"2018-01-01"', '"2017-01-01"'))
    assert str(error_of()).endswith(": 1, 2 stale (of other sources, another mapping or another version)")
    make(1, 2)
    error = error_of()
    assert str(error).startswith("1 of 2 parts cannot be taken up: 2 stale")
    follow(error.hint)
    take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))
    assert b"2017-01-01" in Path("export/customers.ndjson").read_bytes()
    shutil.rmtree("export")
    with Path("customers.csv").open("r+b") as file:  # the same size, at the same time
        before = Path("customers.csv").stat()
        file.seek(-3, 2)
        file.write(b"X")
    os.utime("customers.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "1, 2 stale" in str(error_of())


@pytest.mark.parametrize(
    ("name", "how"), [*zip([*share_files.SHARE_FILES, "share.json"], cycle(["flipped", "cut", "gone"]), strict=False)]
)
def test_a_damaged_part_is_named_and_made_again(here, name, how):
    """A byte that flipped, a file that is cut off or gone: nothing is published."""
    directory = shares()[0]
    path, content = directory / name, (directory / name).read_bytes()
    if how == "gone":
        path.unlink()
    else:
        flipped = bytes([content[0] ^ 1, *content[1:]]) if content else b"1"
        path.write_bytes(content[:-5] if how == "cut" and content else flipped)
    error = error_of()
    assert str(error) == "1 of 2 parts cannot be taken up: 1 damaged"
    if name == "events.ndjson":  # each part is made in the same way
        follow(error.hint)
        assert path.read_bytes() == content
        take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))


def test_the_division_that_lacks_the_fewest_is_taken_up(here):
    """Parts of several divisions may be in one directory."""
    make(1, 3)
    take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))
    shutil.rmtree(shares()[0])  # 1 of 2; of three, two are missing
    shutil.rmtree("export")
    assert "1 of 2 parts" in str(error_of())


def test_parts_that_do_not_agree_are_a_bug(here):
    """Equal sources give equal figures of sources: else something else is wrong."""
    path = shares()[0] / "share.json"
    summary = json.loads(path.read_bytes())
    summary["sources"]["customers"]["rows"] += 1
    path.write_text(json.dumps(summary))
    with pytest.raises(BugError, match="do not agree"):
        take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))


def test_figures_that_do_not_close_are_not_published(here):
    """The whole is added up again."""
    path = shares()[0] / "share.json"
    summary = json.loads(path.read_bytes())
    summary["came"]["events"]["money"] += 1
    path.write_text(json.dumps(summary))
    with pytest.raises(BugError, match="the figures of events do not close"):
        take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))
    assert not list(Path("export").glob("*.ndjson"))


def test_a_part_that_loses_a_record_is_not_made(here, monkeypatch):
    """Each part adds up by itself."""
    monkeypatch.setattr(share_files.ShareFiles, "write", lambda *_: None)
    with pytest.raises(BugError, match="do not close"):
        make(1, 3)


# Making parts.


def taken_and_loaded(number, of, parts):
    """Make a share; return the sources whose tables were taken, and those that were loaded, in order."""
    shown = []
    make(number, of, parts, lambda step: shown.append(step.step))
    steps = [step.split() for step in dict.fromkeys(shown)]
    return [step[1] for step in steps if step[0] == "take"], [step[1] for step in steps if step[0] == "load"]


SOURCES = ["customers", "orders", "lines", "ledger"]


def test_a_source_is_read_once_for_all_parts(here):
    """The first part loads all tables, the others take them; so does a part of a mapping with other policies."""
    assert taken_and_loaded(1, 2, "again") == ([], SOURCES)
    taken, loaded = taken_and_loaded(2, 2, "again")
    assert (sorted(taken), loaded) == (sorted(SOURCES), [])
    assert [outcome(each) for each in shares("again")] == [outcome(each) for each in shares()]
    Path("mapping.toml").write_text(MAPPING.replace('"2018-01-01"', '"2017-01-01"'))
    taken, loaded = taken_and_loaded(1, 2, "again")
    assert (sorted(taken), loaded) == (sorted(SOURCES), [])
    with Path("orders.csv").open("a") as file:
        file.write("\n")
    taken, loaded = taken_and_loaded(1, 2, "again")
    assert (sorted(taken), loaded) == (sorted({*SOURCES} - {"orders"}), ["orders"])
    Path("mapping.toml").write_text(MAPPING.replace("[policies]", '[policies]\nbad_number = "blank"'))
    assert taken_and_loaded(1, 2, "again") == ([], SOURCES)


def test_the_first_part_lists_what_others_have_read(here):
    """Rows that cannot be read are listed once, whichever part has found them."""
    assert taken_and_loaded(2, 2, "again")[1] == ["lines", "ledger", "customers", "orders"]
    assert taken_and_loaded(1, 2, "again")[1] == []
    assert shares("again")[0].joinpath("reading.csv").stat().st_size > 0
    assert [outcome(each) for each in shares("again")] == [outcome(each) for each in shares()]


@pytest.mark.parametrize("name", ["table.parquet", "remarks.csv", "table.json"])
def test_a_damaged_table_is_loaded_again(here, name):
    """It is replaced for the others, too."""
    directory = next(Path("parts").glob("table-customers-*"))
    content = (directory / name).read_bytes()
    shutil.rmtree(shares()[1])
    (directory / name).write_bytes(content[:-1] + b"X" if content else b"X")
    assert taken_and_loaded(2, 2, "parts")[1] == ["customers"]
    shutil.rmtree(shares()[1])
    assert taken_and_loaded(2, 2, "parts")[1] == []
    take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))


def test_parts_at_once_begin_with_different_tables(here):
    """What another process is loading comes last, and is loaded a second time if nothing else is left."""
    seen = []

    def show(step):
        if step.step == "load customers":
            seen.append(taken_and_loaded(1, 3, "again"))

    make(1, 2, "again", show)
    assert seen[0] == ([], ["orders", "lines", "ledger", "customers"])
    assert not list(Path("again").glob(".*"))


def test_a_table_of_a_source_that_changes_meanwhile_is_kept_for_no_other_part(here):
    """Its name would say that it is of what was there before."""

    def show(step):
        if step.step == "load orders":
            os.utime("orders.csv", (1, 1))

    with pytest.raises(InputError, match="changed while it was read"):
        make(1, 2, "again", show)
    assert [path.name.split("-")[1] for path in Path("again").glob("table-*")] == ["customers"]


def test_a_part_that_is_there_is_not_made_again(here):
    """It is looked at, byte by byte."""
    shown = []
    assert make(1, 2, show=lambda step: shown.append(step.step)).was_there
    assert shown == ["identify the sources"]


def test_a_part_that_was_stopped_is_continued(here):
    """Before each step in turn; then the same bytes, and no step that was done is done again."""
    shown = []
    make(1, 2, "once", lambda step: shown.append(step.step))
    seen = list(dict.fromkeys(shown))
    done = []
    for number in range(1, len(seen)):

        def show(step, number=number):
            done.append((number, step.step))
            if step.step == seen[number]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make(1, 2, "often", show)
        for path in Path("often").glob(".share-*/*"):  # as if a step had written some of it before it was killed
            with path.open("ab") as file:
                file.write(b'{"half a record')
    make(1, 2, "often", lambda step: done.append((len(seen), step.step)))
    assert {number for number, step in done if step == seen[1]} == {1, 2}  # stopped before it, then made
    assert [path.name for path in Path("often").iterdir()] == [path.name for path in Path("once").iterdir()]
    assert outcome(shares("often")[0]) == outcome(shares("once")[0]) == outcome(shares()[0])


def test_parts_are_made_beside_each_other_and_none_twice_at_once(here):
    """Several at once in one directory; a second process for the same part is refused while the first works."""
    made, again = [], []

    def show(step):
        if step.step.startswith("find"):
            with pytest.raises(ConfigurationError, match="another process") as error:
                make(1, 4, "at-once")
            again.append(error.value)

    threads = [
        threading.Thread(target=lambda number=number: made.append(make(number, 4, "at-once"))) for number in (2, 3, 4)
    ]
    for each in threads:
        each.start()
    made.append(make(1, 4, "at-once", show))
    for each in threads:
        each.join()
    assert again
    assert len(made) == 4
    take_up(PartsToTakeUp("mapping.toml", "at-once"), Path("export"))
    take_up(PartsToTakeUp("mapping.toml", "parts"), Path("others"))
    assert outcome("export") == outcome("others")


def test_what_a_request_does_not_fit_is_refused(here, tmp_path):
    """Another version, other sources than those of who asks, and standard input, which only one process has."""
    request = request_share("mapping.toml", "parts", Share(1, 2))
    with pytest.raises(ConfigurationError, match=r"version 0\.0"):
        take_share(msgspec.structs.replace(request, version="0.0"))
    with pytest.raises(InputError, match="not those of the request"):
        take_share(msgspec.structs.replace(request, identity="0" * 64))
    (tmp_path / "stdin.toml").write_text(MAPPING.replace('path = "orders.csv"', 'path = "-", format = "csv"'))
    with pytest.raises(ConfigurationError, match="standard input") as error:
        request_share("stdin.toml", "parts", Share(1, 2))
    assert "[sources] orders" in error.value.place
    with pytest.raises(ConfigurationError, match="standard input"):
        take_up(PartsToTakeUp("stdin.toml", "parts"), Path("export"))


def test_a_source_that_changes_meanwhile_is_refused(here):
    """The part would be of neither; the same command makes it when nothing writes any more."""

    def show(step):
        if step.step.startswith("find"):
            with Path("orders.csv").open("a") as file:
                file.write("x")

    with pytest.raises(InputError, match="changed while it was read"):
        make(1, 3, show=show)
    assert len(shares()) == 2
    make(1, 3)
    assert len(shares()) == 3


def test_the_spill_directory_of_a_mapping_is_used(here):
    """Each part has its own there, and removes it."""
    Path("mapping.toml").write_text(f'{MAPPING}\n[engine]\nspill_dir = "fast"\n')
    Path("fast").mkdir()
    seen = []
    make(2, 5, show=lambda _: seen.extend(path.name for path in Path("fast").iterdir()))
    assert {*seen} == {".spill-2-of-5"}
    assert list(Path("fast").iterdir()) == []


COMMAND = Path(sys.executable).with_name("masivo-stream")

SMALL_PARTITIONS = """
from masivo_stream.cli.main import main
from masivo_stream.prepare.engine import run
run.ROWS_OF_A_PARTITION = 500
main()
"""


@pytest.mark.slow
def test_a_part_is_killed_at_any_moment(here):
    """Kill -9, and the same command: the same bytes as without."""
    chance = random.Random(1)
    arguments = [
        sys.executable,
        "-c",
        SMALL_PARTITIONS,
        "prepare",
        "mapping.toml",
        "-q",
        "--part",
        "2/2",
        "-o",
        "again",
    ]
    killed = 0
    while killed < 2:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wanted = Path("again", ".spill-2-of-2", chance.choice(["", "progress.json", "sources", "flat"]))
        while process.poll() is None and not wanted.exists():
            threading.Event().wait(0.01)
        try:
            _, complaints = process.communicate(timeout=chance.uniform(0, 0.3))
            assert process.returncode == 0, complaints
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
    subprocess.run(arguments, check=True, capture_output=True)
    assert outcome(shares("again")[0]) == outcome(shares()[1])


@pytest.mark.slow
def test_a_full_disk_of_a_part_is_said_and_survived(here, monkeypatch):
    """Exit code 6 with a hint; with room again, the same command goes on to the same bytes."""
    arguments = [COMMAND, "prepare", "mapping.toml", "-q", "--part", "1/2", "-o", "again"]
    line = 'ulimit -f 6; exec "$@"'
    done = subprocess.run(["bash", "-c", line, "bash", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 6, done.stderr
    assert "hint: raise the largest size of a file" in done.stderr
    assert not re.search(r"@example|Núñez|Traceback", done.stderr)
    subprocess.run(arguments, check=True, capture_output=True)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", 400_000)  # as the command has it
    make(1, 2, "whole")
    assert outcome(shares("again")[0]) == outcome(shares("whole")[0])


def test_a_directory_that_cannot_be_written_is_said(here):
    """The same command begins again."""
    Path("export").write_text("a file")
    with pytest.raises(StorageError):
        take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))
    Path("export").unlink()
    take_up(PartsToTakeUp("mapping.toml", "parts"), Path("export"))
