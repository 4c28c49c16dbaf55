"""Advice about files that are not exports, incomplete, changed or moved: if followed, everything arrives once."""

import gzip
import io
import json
import lzma
import shlex
import shutil
import sqlite3
import subprocess
import tarfile
import time
import zipfile
from contextlib import closing

import pytest
from advice_tools import (
    QUICK,
    arrived,
    expect_advice,
    go,
    make_exports,
    make_record,
    next_command,
    paste,
    sending,
    small_disk,
)
from end_to_end_tools import COMMAND, clean_environment, expected_ledger, lines, run, serving
from fakes import write_export

from masivo_stream.edges.export.identity import take_identity
from masivo_stream.edges.export.source import find_inputs, read_ranges
from masivo_stream.model.errors import InputError

pytestmark = pytest.mark.slow


@pytest.fixture
def work(tmp_path):
    """A working directory with three records of each kind."""
    return make_exports(tmp_path)


def migrate(served, directory, *exports, stdin=b"", **environment):
    """Migrate what is named, in the directory where it is."""
    flags = [*sending(served, directory), "--json"]
    return run("migrate", *exports, *flags, key=served.key, cwd=directory, stdin=stdin, **{**QUICK, **environment})


# Files that are not exports.


def zipped(text):
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("customers.ndjson", text)
        return file.getvalue()


def tarred(text):
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            about = tarfile.TarInfo("customers.ndjson")
            about.size = len(text)
            archive.addfile(about, io.BytesIO(text))
        return file.getvalue()


@pytest.mark.parametrize(
    ("pack", "tool", "says"),
    [
        (lzma.compress, "xz", "{…} < {…} > {…}; then name {…} instead"),
        (
            lambda text: lzma.compress(text, format=lzma.FORMAT_ALONE),
            "xz",
            "{…} < {…} > {…}; then name {…} instead",
        ),
        (zipped, "unzip", "{…} > {…}; then name {…} instead"),
        (tarred, "tar", "{…} < {…} > {…}; then name {…} instead"),
        (lambda text: gzip.compress(tarred(text)), "tar", "{…} | {…} > {…}; then name {…} instead"),
        (lambda text: gzip.compress(gzip.compress(text)), "gzip", "{…} | {…} > {…}; then name {…} instead"),
        (lambda text: text.decode().encode("utf-16"), "iconv", "{…} < {…} > {…}; then name {…} instead"),
    ],
    ids=["xz", "lzma", "zip", "tar", "tar.gz", "twice", "utf-16"],
)
def test_an_export_in_another_compression_is_unpacked(pack, tool, says, served, work):
    """The command from the hint is pasted, then the file it names is used instead: everything arrives."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    text = (work / "customers.ndjson").read_bytes()
    (work / "the export").write_bytes(pack(text))
    done = migrate(served, work, "--customers", "the export")
    assert done.returncode == 5, done.stderr
    expect_advice(done, says)
    command, _, new = done.stderr.decode().partition("hint: ")[2].partition("; then name ")
    assert paste(command, cwd=work).returncode == 0
    (name,) = shlex.split(new.partition(" instead")[0])
    assert migrate(served, work, "--customers", name).returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"PK\x05\x06" + bytes(18), "export again, as one JSON object per line"),
        (b"PK\x07\x08" + bytes(18), "join its parts and unpack them, then name the files"),
        (b"!<arch>\n" + bytes(90), "unpack it, then name the files in it"),
        (
            b"PGDMP\x01\x0e\x00",
            "restore it, then write exports from its tables with masivo-stream prepare: docs/preparing.md shows how",
        ),
        (
            b"Obj\x01\x04\x14avro.codec",
            (
                "convert its rows to CSV or Parquet, then write exports with masivo-stream prepare: docs/preparing.md"
                " shows how"
            ),
        ),
        (
            b"\x16\x00\x00\x00\x02id\x00\x03\x00\x00\x00c1\x00" + b"\x00" * 6,
            "write the collection with mongoexport: one JSON object per line",
        ),
        (b"{\\rtf1\\ansi", "save it as plain text, one JSON object per line"),
        (b"age-encryption.org/v1\n-> X", "decrypt it, then name the decrypted file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "run git lfs pull to get the file itself"),
        (bytes(4096), "copy the file or export again"),
        (
            b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n",
            "a login or error page was saved instead of the export: fetch or create the export again",
        ),
    ],
    ids=["empty zip", "parts", "ar", "dump", "avro", "bson", "rtf", "age", "lfs", "zeros", "page"],
)
def test_a_file_that_is_not_an_export_is_replaced(head, says, served, work):
    """Nothing was sent. With the records themselves instead, one JSON object per line, they arrive."""
    text = (work / "customers.ndjson").read_bytes()
    (work / "customers.ndjson").write_bytes(head)
    done = migrate(served, work, "--customers", "customers.ndjson")
    assert (done.returncode, served.ledger()["customers"]) == (5, {})
    expect_advice(done, says)
    (work / "customers.ndjson").write_bytes(text)
    assert migrate(served, work, "--customers", "customers.ndjson").returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


def workbook(name):
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "<Types/>")
        return file.getvalue()


def test_a_table_is_prepared(served, tmp_path):
    """CSV, Parquet, SQLite and a workbook are refused by name. As the hints say, `prepare` makes one export of them."""
    duckdb = pytest.importorskip("duckdb")
    row = "SELECT 'c-{}' AS id, 'Ana' AS name, 'a{}@example.com' AS email, '2020-01-01T00:00:00Z' AS joined"
    duckdb.sql(row.format(1, 1)).write_csv(str(tmp_path / "a.csv"), header=True)
    duckdb.sql(row.format(2, 2)).write_parquet(str(tmp_path / "b.parquet"))
    with closing(sqlite3.connect(tmp_path / "c.db")) as database, database:
        database.execute(f"CREATE TABLE people AS {row.format(3, 3)}")
    (tmp_path / "d.xlsx").write_bytes(workbook("[Content_Types].xml"))
    prepare = "write exports from it with masivo-stream prepare: docs/preparing.md shows how"
    save = "save its tables as CSV, then write exports with masivo-stream prepare: docs/preparing.md shows how"
    for name, what, says in (
        ("a.csv", "a CSV table", prepare),
        ("b.parquet", "a Parquet file", prepare),
        ("c.db", "an SQLite database", prepare),
        ("d.xlsx", "a Microsoft Office document", save),
    ):
        done = migrate(served, tmp_path, "--customers", name)
        assert (done.returncode, what in done.stderr.decode()) == (5, True), done.stderr
        expect_advice(done, says)
    duckdb.sql(row.format(4, 4)).write_csv(str(tmp_path / "d.csv"), header=True)  # what saving its table gives
    columns = "place, id, name, email, joined AS registration_date"
    union = " UNION ALL ".join(f"SELECT {columns} FROM {source}" for source in "abcd")  # noqa: S608 - of a mapping of ours
    (tmp_path / "mapping.toml").write_text(f"""
[sources]
a = {{ path = "a.csv", dates = ["joined"] }}
b = {{ path = "b.parquet", dates = ["joined"] }}
c = {{ path = "c.db", table = "people", dates = ["joined"] }}
d = {{ path = "d.csv", dates = ["joined"] }}
[customers]
select = "{union}"
""")
    done = run("prepare", "mapping.toml", "-o", "export", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert migrate(served, tmp_path, "--from", "export").returncode == 0
    assert served.ledger()["customers"] == {f"c-{number}": 1 for number in (1, 2, 3, 4)}


def test_a_pipe_that_is_not_an_export_is_written_to_a_file(served, work):
    """With a file, the message names the command. With a pipe it cannot."""
    text = (work / "customers.ndjson").read_bytes().decode().encode("utf-16")
    done = migrate(served, work, "--customers", "-", stdin=text)
    assert done.returncode == 5
    expect_advice(done, "write it to a file and name that file: then the message says what to do")
    (work / "e").write_bytes(text)
    done = migrate(served, work, "--customers", "e")
    assert (done.returncode, b" instead" in done.stderr) == (5, True)


def test_an_empty_compressed_export_is_copied_again(served, work):
    """With its bytes restored, it arrives."""
    packed = gzip.compress((work / "customers.ndjson").read_bytes())
    (work / "c.gz").touch()
    done = migrate(served, work, "--customers", "c.gz")
    assert done.returncode == 5
    expect_advice(done, "copy the file or export again, then start the same command again")
    (work / "c.gz").write_bytes(packed)
    assert migrate(served, work, "--customers", "c.gz").returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


def test_a_duplicate_export_is_left_out(served, work):
    """With the longer one alone, everything arrives once."""
    text = (work / "customers.ndjson").read_bytes()
    (work / "copy.ndjson").write_bytes(text[: text.rindex(b"\n", 0, -1) + 1])
    done = migrate(served, work, "--customers", "copy.ndjson", "customers.ndjson")
    assert (done.returncode, served.ledger()["customers"]) == (2, {})
    expect_advice(done, "their records would be sent twice: name only one of the two, the longer one if they differ")
    assert migrate(served, work, "--customers", "customers.ndjson").returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


# Incomplete exports.


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda packed: packed[: len(packed) // 2],
            "copy the file or export again, then start the same command again",
        ),
        (
            lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:],
            (
                "copy the file or export again, then start the same command again; what was read before the damage was"
                " already processed"
            ),
        ),
    ],
    ids=["cut", "damaged"],
)
def test_a_truncated_compressed_export_is_copied_again(spoil, says, served, tmp_path):
    """With the whole file in its place, the step's command sends the rest, and nothing twice."""
    make_exports(tmp_path, 300)
    (tmp_path / "transactions.ndjson").unlink()
    packed = gzip.compress((tmp_path / "events.ndjson").read_bytes())
    (tmp_path / "e.gz").write_bytes(spoil(packed))
    done = migrate(served, tmp_path, "--customers", "customers.ndjson", "--events", "e.gz")
    assert done.returncode == 5, done.stderr
    expect_advice(done, says)
    (tmp_path / "e.gz").write_bytes(packed)
    command = next_command(done, "correct or restore the export, then start the same command again")
    assert paste(command, key=served.key, cwd=tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_an_export_that_was_cut_while_it_was_read_is_restored(tmp_path):
    """With the file restored, the step's command sends the rest, and nothing twice."""
    make_exports(tmp_path, 200, kinds=["customers"])
    path = tmp_path / "customers.ndjson"
    whole = path.read_bytes()
    with serving(tmp_path, "--limits", "none") as served:
        flags = ["--base-url", served.url, "--limit", "1/0.5s", "--state-dir", tmp_path / "state", "--json"]
        process = subprocess.Popen(
            [COMMAND, "migrate", "--customers", "customers.ndjson", *map(str, flags)],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=clean_environment(
                MASIVO_API_KEY=served.key, MASIVO_MAX_BODY_BYTES="4096", MASIVO_BLOCK_BYTES="4096",
                MASIVO_HAND_OFF="1", **QUICK,
            ),
        )  # fmt: skip
        while not served.ledger()["customers"]:
            time.sleep(0.02)
        path.write_bytes(b"")
        out, err = process.communicate(timeout=300)
        done = subprocess.CompletedProcess([], process.returncode, out, err)
        assert done.returncode == 5, err
        expect_advice(
            done, "the file was shortened while it was being read: restore it, then start the same command again"
        )
        path.write_bytes(whole)
        command = next_command(done, "correct or restore the export, then start the same command again")
        assert paste(command.replace("1/0.5s", "none"), key=served.key, cwd=tmp_path).returncode == 0
        arrived(served, tmp_path)


PACKED = {
    "plain": (bytes, ""),
    "gzip": (gzip.compress, "gzip"),
    "zstd": (lambda text: subprocess.run(["zstd", "-q"], input=text, capture_output=True, check=True).stdout, "zstd"),
}


@pytest.mark.parametrize("way", ["finished", "ended"])
@pytest.mark.parametrize(
    ("packing", "says"),
    [
        (
            "plain",
            (
                "start the same command again when the export is finished; if the line will never be finished, end it"
                " with a newline, and it is validated as it is: printf '\\n' >> {}"
            ),
        ),
        (
            "gzip",
            (
                "start the same command again when the export is finished; if the line will never be finished, end it"
                " with a newline, and it is validated as it is: printf '\\n' | gzip >> {}"
            ),
        ),
        (
            "zstd",
            (
                "start the same command again when the export is finished; if the line will never be finished, end it"
                " with a newline, and it is validated as it is: printf '\\n' | zstd >> {}"
            ),
        ),
    ],
)
def test_half_a_line_is_finished_or_ended(packing, says, way, served, work):
    """The rest of the line comes, and it is one line.

    Or the quoted command ends it, and its dead letter is corrected.
    """
    pack, tool = PACKED[packing]
    if tool and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    text = (work / "customers.ndjson").read_bytes()
    (work / "the export").write_bytes(pack(text[:-30]))
    done = migrate(served, work, "--customers", "the export")
    assert done.returncode == 5, done.stderr
    expect_advice(done, says)
    if way == "finished":
        (work / "the export").write_bytes(pack(text))
    else:
        hint = json.loads(done.stdout)["hint"]
        assert paste(hint.partition("validated as it is: ")[2], cwd=work).returncode == 0
    done = migrate(served, work, "--customers", "the export")
    assert done.returncode == (0 if way == "finished" else 3), done.stdout
    if way == "ended":
        letters = work / "state" / "dead-letter.customers.ndjson"
        (letter,) = lines(letters)
        letters.write_text(json.dumps({**letter, "raw": text.decode().splitlines()[-1]}) + "\n")
        again = paste(f"masivo-stream retry {shlex.join(map(str, sending(served, work)))}", key=served.key, cwd=work)
        assert again.returncode == 0, again.stderr
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


# From a pipe.


@pytest.mark.parametrize("command", ["migrate", "retry"])
def test_a_pipe_continues_as_a_file(command, served, work):
    """Written to a file, the part that was already read is recognised. A pipe cannot continue."""
    text = (work / "customers.ndjson").read_bytes()
    done = migrate(served, work, "--customers", "-", stdin=text[:-30])
    assert done.returncode == 5
    expect_advice(
        done,
        "its complete lines were already processed; write the export to a file and name that file instead of {}: the"
        " part that was already read is recognised",
    )
    expect_advice(done, "write the export to a file, then start the same command with that file instead of the pipe")
    if command == "migrate":
        done = migrate(served, work, "--customers", "-", stdin=text)
        says = (
            "write the export to a file and name that file instead of {}: the part that was already read is recognised"
        )
    else:
        done = go("retry", served, work)
        says = (
            "start migrate once more; to do so, write the export to a file and name that file instead of {}: the part"
            " that was already read is recognised"
        )
    assert done.returncode == 5
    expect_advice(done, says)
    (work / "e").write_bytes(text)
    assert migrate(served, work, "--customers", "e").returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


def test_a_batch_from_a_pipe_is_looked_up_and_accepted(tmp_path):
    """The records cannot be read again.

    To accept the batch they are not needed, and the account shows that they are there.
    """
    make_exports(tmp_path, kinds=["customers", "transactions"])
    fault = "hang=0.05,applied=yes,on=transactions,at=1"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        text = (tmp_path / "transactions.ndjson").read_bytes()
        exports = ("--customers", "customers.ndjson", "--transactions", "-")
        assert migrate(served, tmp_path, *exports, stdin=text).returncode == 4
        done = go("resolve", served, tmp_path, "--resend", "all")
        assert done.returncode == 5, done.stderr
        expect_advice(done, "--accept does not need the records; look up the other batches in the account")
        assert len(served.ledger()["transactions"]) == 3
        assert go("resolve", served, tmp_path, "--accept", "all").returncode == 0
        arrived(served, tmp_path)


# Changed, renamed, moved.


def begin(served, directory):
    """Migrate all customers and two of three events."""
    text = (directory / "events.ndjson").read_bytes()
    (directory / "events.ndjson").write_bytes(b"".join(text.splitlines(keepends=True)[:2]))
    done = migrate(served, directory, "--customers", "customers.ndjson", "--events", "events.ndjson")
    assert done.returncode == 0, done.stderr
    return text


def finished(served, directory, text, *exports):
    """Check that the run continued to the end of its export, whatever it is called now."""
    done = migrate(served, directory, "--customers", "customers.ndjson", *exports)
    assert done.returncode == 0, done.stderr
    (directory / "transactions.ndjson").unlink(missing_ok=True)
    (directory / "events.ndjson").write_bytes(text)
    arrived(served, directory)


def test_a_changed_export_is_restored_and_new_lines_get_their_own_file(served, work):
    """The old lines are not sent again; the new ones are sent."""
    text = begin(served, work)
    two = (work / "events.ndjson").read_bytes()
    (work / "events.ndjson").write_bytes(two.replace(b"PURCHASE", b"purchase", 1))
    done = migrate(served, work, "--customers", "customers.ndjson", "--events", "events.ndjson")
    assert done.returncode == 5
    expect_advice(
        done,
        "restore the export as it was, then start the same command again; send new records in a further file beside it",
    )
    (work / "events.ndjson").write_bytes(two)
    (work / "new.ndjson").write_bytes(text[len(two) :])
    finished(served, work, text, "--events", "events.ndjson", "new.ndjson")


def test_an_export_that_was_renamed_is_named_again(served, work):
    """With its present name, it is recognised."""
    text = begin(served, work)
    (work / "events.ndjson").rename(work / "orders")
    done = migrate(served, work, "--customers", "customers.ndjson")
    assert done.returncode == 2
    expect_advice(
        done, "name it again, by its present name: the part that was already read is recognised by its content"
    )
    (work / "orders").write_bytes(text)
    finished(served, work, text, "--events", "orders")


def stop_before_events(served, work):
    """Make a run know the events export without reading any of it; return the export's text."""
    customers = (work / "customers.ndjson").read_bytes()
    (work / "customers.ndjson").write_bytes(customers[:-30])
    done = migrate(served, work, "--customers", "customers.ndjson", "--events", "events.ndjson")
    assert done.returncode == 5
    (work / "customers.ndjson").write_bytes(customers)
    return (work / "events.ndjson").read_bytes()


@pytest.mark.parametrize("way", ["as it was", "as it is called now"])
def test_an_unread_export_is_named_again(way, served, work):
    """By its old name, or by its present one with the flag."""
    text = stop_before_events(served, work)
    done = migrate(served, work, "--customers", "customers.ndjson")
    assert done.returncode == 2
    expect_advice(done, "name it again; if its name has changed, use the new name and add --moved OLD=NEW")
    if way == "as it was":
        finished(served, work, text, "--events", "events.ndjson")
        return
    (work / "events.ndjson").unlink()
    (work / "orders.gz").write_bytes(gzip.compress(text))
    finished(served, work, text, "--events", "orders.gz", "--moved", "events.ndjson=orders.gz")


def test_an_unread_export_that_looks_different_is_confirmed(served, tmp_path):
    """It was moved with its state before any of it was read, and compressed: the quoted flag, pasted, is enough."""
    (tmp_path / "a").mkdir()
    text = stop_before_events(served, make_exports(tmp_path / "a"))
    work = (tmp_path / "a").rename(tmp_path / "b")
    (work / "events.ndjson").unlink()
    (work / "events.ndjson").write_bytes(gzip.compress(text))

    def retry(*words):
        flags = [*sending(served, work), "--json", *words]
        return run("retry", *flags, key=served.key, cwd=work, **QUICK)

    done = retry()
    assert done.returncode == 5, done.stdout
    (words,) = expect_advice(done, "if this is the right file, add --moved {…}")
    done = retry("--moved", *shlex.split(words))
    assert done.returncode == 0, done.stderr
    finished(served, work, text, "--events", "events.ndjson")


def test_one_of_two_exports_is_chosen(served, work):
    """One of the quoted flags is pasted."""
    text = stop_before_events(served, work)
    (work / "events.ndjson").unlink()
    (work / "a b").write_bytes(gzip.compress(text))
    done = migrate(served, work, "--customers", "customers.ndjson", "--events", "a b")
    assert done.returncode == 2
    (words,) = expect_advice(done, "add {…}")
    expect_advice(done, "--moved {…}")
    finished(served, work, text, "--events", "a b", *shlex.split(words.partition(" or ")[0]))


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("orders", "write --moved OLD=NEW: OLD is the name by which the run knows the export, NEW is its present path"),
        ("events.ndjson=orders", "name it with --{…} too"),
    ],
)
def test_the_flag_for_a_moved_export_is_corrected(word, says, served, work):
    """With both names, and the new one among the exports, the flag works."""
    text = begin(served, work)
    (work / "events.ndjson").rename(work / "orders")
    done = migrate(served, work, "--customers", "customers.ndjson", "--moved", word)
    assert done.returncode == 2
    expect_advice(done, says)
    (work / "orders").write_bytes(text)
    finished(served, work, text, "--events", "orders", "--moved", "events.ndjson=orders")


@pytest.mark.parametrize("way", ["by migrate", "by a word"])
def test_an_export_is_found_by_commands_that_do_not_name_it(way, served, work):
    """After one migration with its present name, or with the flag."""
    text = begin(served, work)
    (work / "elsewhere").mkdir()
    (work / "events.ndjson").rename(work / "elsewhere" / "orders")
    done = go("retry", served, work)
    assert done.returncode == 5, done.stderr
    (name,) = expect_advice(
        done, "start migrate once with its present name, which records the new place; or add --moved {…}=PATH"
    )
    if way == "by migrate":
        exports = ("--customers", "customers.ndjson", "--events", "elsewhere/orders")
        assert migrate(served, work, *exports).returncode == 0
        assert go("retry", served, work).returncode == 0
    else:
        done = go("retry", served, work, "--moved", f"{name}={work / 'elsewhere' / 'orders'}")
        assert done.returncode == 0, done.stderr
    (work / "elsewhere" / "orders").write_bytes(text)
    finished(served, work, text, "--events", "elsewhere/orders")


# Moments at which only another process could change a file.


async def test_a_file_that_ends_before_a_read_record_is_restored(work):
    """With the file restored, the record is read again."""
    path = work / "events.ndjson"
    whole = path.read_bytes()
    span = (len(whole) - 40, 40)
    path.write_bytes(whole[:-1])
    (found,) = find_inputs([str(path)])
    with pytest.raises(InputError) as caught:
        await read_ranges(found, [span], block_bytes=4096)
    assert caught.value.hint == "restore the export as it was"
    path.write_bytes(whole)
    assert await read_ranges(found, [span], block_bytes=4096) == [whole[-40:]]


def test_the_path_of_an_unreadable_export_is_corrected(work):
    """With the right path it works."""
    with pytest.raises(InputError) as caught:
        take_identity(str(work / "event.ndjson"))
    assert caught.value.hint == "check the path and its permissions"
    assert take_identity(str(work / "events.ndjson")).size


# Lists of what is not sent.


def test_a_disk_full_of_skipped_records_is_freed(tmp_path):
    """With room, the same command writes the list, and sends the rest once."""
    records = [make_record("customers", number, **({"deleted": True} if number > 2 else {})) for number in range(9000)]
    write_export(tmp_path / "customers.ndjson", records)
    with serving(tmp_path, "--limits", "none") as served:
        flags = [
            "--customers",
            tmp_path / "customers.ndjson",
            *sending(served, tmp_path),
            "--json",
            "--drain-time",
            "0",
        ]
        (tmp_path / "state").mkdir(mode=0o700)
        with small_disk(tmp_path / "state" / "skipped.customers.ndjson", 600):
            done = run("migrate", *flags, key=served.key, **QUICK)
        assert done.returncode == 6, done.stderr
        expect_advice(done, "free up disk space in the state directory, then start again with the same command")
        assert run("migrate", *flags, key=served.key, **QUICK).returncode == 0
        assert len(lines(tmp_path / "state" / "skipped.customers.ndjson")) == 8997
        assert served.ledger()["customers"] == {"c0": 1, "c1": 1, "c2": 1}


def test_a_line_that_an_earlier_version_cut_is_exported_again(served, work):
    """A dead letter of version 0.1.0: with the whole line in its `raw`, a retry sends it."""
    text = (work / "customers.ndjson").read_bytes()
    (work / "customers.ndjson").write_bytes(text[:-31] + b"\n")
    assert migrate(served, work, "--customers", "customers.ndjson").returncode == 3
    letters = work / "state" / "dead-letter.customers.ndjson"
    with closing(sqlite3.connect(work / "state" / "journal.db")) as journal:
        journal.execute("UPDATE dead SET reason = 'truncated_input'")
        figures = journal.execute("SELECT figures FROM progress").fetchone()[0]
        torn = figures.replace(b"invalid_json", b"truncated_input")
        if torn != figures and b"\xacinvalid_json" in figures:  # a text of 12 bytes becomes one of 15
            torn = figures.replace(b"\xacinvalid_json", b"\xaftruncated_input")
        journal.execute("UPDATE progress SET figures = ?", (torn,))
        journal.commit()
    (letter,) = lines(letters)
    letter = {name: value for name, value in letter.items() if name != "faults"} | {"reason": "truncated_input"}
    letters.write_text(json.dumps(letter, separators=(",", ":")) + "\n")
    done = run("status", "--state-dir", work / "state", COLUMNS="300")
    expect_advice(done, "version 0.1.0 found the file's end within this line: export the line again")
    letters.write_text(json.dumps({**letter, "raw": text.decode().splitlines()[-1]}) + "\n")
    assert go("retry", served, work).returncode == 0
    assert served.ledger()["customers"] == {"c0": 1, "c1": 1, "c2": 1}
