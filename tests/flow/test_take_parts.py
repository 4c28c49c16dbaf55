"""Answers that are missing, damaged or of something else are named, with the command that makes them."""

import gzip
import json
import shutil
import tarfile
from pathlib import Path

import anyio
import msgspec
import pytest
import zstandard
from fakes import record, write_export
from flow.divided import CAP, make_parts, named, planned, settings_of

from masivo_stream.core.parts.answer_format import PREFIX, read_header, read_prefix
from masivo_stream.edges.export.source import find_inputs, line_after
from masivo_stream.flow.commands.validate_part import read_part, validate_part
from masivo_stream.flow.parts.make_part import answer_name, ask_for_part, make_part
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.model.parts import PartRequest
from masivo_stream.model.settings import RetrySettings


@pytest.fixture
def export(tmp_path):
    """An export of forty customers, and settings."""
    write_export(tmp_path / "customers.ndjson", [record(Kind.CUSTOMERS, number) for number in range(40)])
    return tmp_path


def with_parts(export, place="parts"):
    return named({"customers": [export / "customers.ndjson"]}, export / place if place else "")


def answers(export):
    return sorted((export / "parts").iterdir())


async def refused(export, settings=None):
    """Return how the plan is refused."""
    with pytest.raises(ConfigurationError) as caught:
        await planned(with_parts(export), settings or settings_of(export / "state"))
    assert caught.value.place == str(export / "parts")
    return caught.value


async def make(export, parts=4, **validation):
    settings = settings_of(export / "state", **validation)
    for part in range(1, parts + 1):
        await validate_part(settings, with_parts(export, ""), part, parts, out=str(export / "parts"))


def command(export, part):
    words = f"masivo-stream validate --customers {export}/customers.ndjson --max-line-bytes {CAP}"
    return f"{words} --part {part} --out {export}/parts"


async def test_missing_parts_are_wordswith_the_command_that_makes_them(export):
    """One, several, and all."""
    error = await refused(export)
    assert str(error) == "there is no answer of a part there"
    assert error.hint.endswith(f"for part in $(seq 8); do {command(export, '$part/8')}; done")
    await make(export)
    answers(export)[1].unlink()
    error = await refused(export)
    assert str(error) == "1 of 4 parts is missing: 2"
    assert error.hint.endswith(command(export, "2/4"))
    answers(export)[0].unlink()
    error = await refused(export)
    assert str(error) == "2 of 4 parts are missing: 1, 2"
    assert error.hint.endswith(f"for part in 1 2; do {command(export, '$part/4')}; done")


async def test_many_missing_parts_are_not_all_named(export):
    """All are made again: those that are there take no time."""
    await make(export, 30)
    for answer in answers(export)[5:]:
        answer.unlink()
    error = await refused(export)
    assert str(error).startswith("25 of 30 parts are missing: 6, 7, 8")
    assert str(error).endswith("25 …")
    assert "for part in $(seq 30); do" in error.hint


@pytest.mark.parametrize("change", ["truncated", "changed", "empty", "of another part"])
async def test_a_damaged_answer_is_missing(change, export):
    """And making it once more replaces it."""
    await make(export)
    place = answers(export)[2]
    right = content = bytearray(place.read_bytes())
    match change:
        case "truncated":
            content = right[:-1]
        case "changed":
            content = right[:]
            content[len(right) // 2] ^= 1
        case "empty":
            content = b""
        case "of another part":
            content = answers(export)[0].read_bytes()
    place.write_bytes(content)
    error = await refused(export)
    assert str(error) == "1 of 4 parts is missing (1 damaged): 3"
    written = await validate_part(
        settings_of(export / "state"), with_parts(export, ""), 3, 4, out=str(export / "parts")
    )
    assert not written.known
    assert place.read_bytes() == right
    assert (await planned(with_parts(export), settings_of(export / "state")))[0].requests == 1


async def test_stale_answers_are_distinguished(export):
    """Those of other settings, and those of exports that have changed."""
    await make(export, unknown_fields="reject")
    error = await refused(export)
    assert str(error).startswith("the answers there were made with other settings")
    assert "for part in $(seq 4); do" in error.hint
    error = await refused(export, settings_of(export / "state", unknown_fields="reject", discounted_value="optional"))
    assert f"--unknown-fields reject --discounted-value optional --max-line-bytes {CAP} --part" in error.hint
    with (export / "customers.ndjson").open("ab") as file:
        file.write(json.dumps(record(Kind.CUSTOMERS, 99)).encode() + b"\n")
    error = await refused(export, settings_of(export / "state", unknown_fields="reject"))
    assert str(error).startswith("the answers there are of other exports")
    assert "for part in $(seq 4); do" in error.hint


async def test_complete_answers_are_taken_if_exports_were_divided_twice(export):
    """And the fewest of them."""
    await make(export, 2)
    await make(export, 7)
    answers(export)[-1].unlink()
    found, _ = await planned(with_parts(export), settings_of(export / "state"))
    assert found.records == 40


async def test_an_answer_that_is_there_is_left_as_it_is(export):
    """The same command is done at once."""
    settings, place = settings_of(export / "state"), str(export / "parts")
    first = await validate_part(settings, with_parts(export, ""), 1, 2, out=place)
    written = answers(export)[0].stat().st_mtime_ns
    again = await validate_part(settings, with_parts(export, ""), 1, 2, out=place)
    assert (first.known, again.known) == (False, True)
    assert msgspec.structs.replace(again, known=False) == first
    assert answers(export)[0].stat().st_mtime_ns == written


def test_an_answer_is_the_same_wherever_the_export_is(export, tmp_path):
    """Under another path, written at another time, read in other blocks: name and bytes are equal."""
    settings = settings_of(export / "state")
    (export / "copy").mkdir()
    shutil.copy(export / "customers.ndjson", export / "copy" / "other.ndjson")
    copied = named({"customers": [export / "copy" / "other.ndjson"]})
    one, other = (ask_for_part(each.find(RetrySettings()), settings, 2, 3) for each in (with_parts(export, ""), copied))
    other = msgspec.structs.replace(other, block_bytes=4096)
    assert answer_name(one) == answer_name(other)
    assert make_part(msgspec.msgpack.encode(one)) == make_part(msgspec.msgpack.encode(other))


def test_an_export_that_is_not_the_one_of_the_request_is_refused(export):
    """Changed since the request was made: exit code 5, as for any export that changes."""
    asked = ask_for_part(with_parts(export, "").find(RetrySettings()), settings_of(export / "state"), 1, 1)
    lines = (export / "customers.ndjson").read_bytes()
    (export / "customers.ndjson").write_bytes(
        lines.replace(b'"Ana"', b'"Eva"', 1) if b'"Ana"' in lines else lines[::-1]
    )
    with pytest.raises(InputError, match="the export has changed") as caught:
        make_part(msgspec.msgpack.encode(asked))
    assert caught.value.exit_code == 5


async def test_a_change_that_no_sample_shows_is_noticed_when_the_lines_are_read(export):
    """Between the samples of a large export, of the same size: the lines are not those of the answers."""
    records = [record(Kind.CUSTOMERS, number, name="A" * 900) for number in range(3000)]
    write_export(export / "customers.ndjson", records)
    await make(export, 3)
    content = bytearray((export / "customers.ndjson").read_bytes())
    content[content.index(b"AAA", 6000) + 100] = ord("B")
    (export / "customers.ndjson").write_bytes(content)
    found, _ = await planned(with_parts(export), settings_of(export / "state"))
    assert found.summary.exit_code == 5
    assert "it is not the one of which there are answers of parts" in found.summary.message


async def test_a_date_is_in_the_future_by_the_clock_of_whoever_takes_parts_up(export):
    """Not by that of the machine that validated it, perhaps days before."""
    late = record(Kind.CUSTOMERS, 7, registration_date="2023-11-16T01:00:00Z", dob="2023-12-01T00:00:00Z")
    early = record(Kind.CUSTOMERS, 8, registration_date="2023-11-15T01:00:00Z")
    others = [record(Kind.CUSTOMERS, number) for number in range(20, 60)]
    write_export(export / "customers.ndjson", [*others, late, early])
    await make(export, 3)
    counts = []
    for number, days in enumerate((0, 1, 30)):
        settings = settings_of(export / f"state-{number}")
        found, _ = await planned(with_parts(export), settings, days * 86_400)
        alone, _ = await planned(with_parts(export, ""), settings_of(export / f"alone-{number}"), days * 86_400)
        assert found.summary.checks == alone.summary.checks
        results = {each.check: each for each in found.summary.checks.results}
        found_in = (results[name].first for name in ("future_date", "birth_date") if name in results)
        counts.append([first.line for each in found_in for first in each])
    assert counts == [[41, 41], [41], []]


async def test_a_part_begins_with_the_first_line_that_begins_in_it(tmp_path):
    """Whatever byte its stretch begins with: no line is in two parts, and no line is in none."""
    for text in (b"a\n\nbcd\r\nef", b"abc\n", b"abc", b"\n\n", b""):
        (tmp_path / "x").write_bytes(text)
        begins = [0, *(at + 1 for at, byte in enumerate(text) if byte == 10), len(text)]
        (source,) = find_inputs([str(tmp_path / "x")])
        for place in range(len(text) + 1):
            assert await line_after(source, place) == min(begin for begin in begins if begin >= place)


async def test_more_parts_than_lines_and_no_line_at_all(export):
    """Most parts have no line; an export without a line has none in any part."""
    (export / "empty.ndjson").write_bytes(b"")
    paths = {"customers": [export / "customers.ndjson"], "events": [export / "empty.ndjson"]}
    settings = settings_of(export / "state")
    await anyio.to_thread.run_sync(make_parts, named(paths), settings, 200, export / "parts")
    assert len(answers(export)) == 200
    found, _ = await planned(named(paths, export / "parts"), settings)
    assert found.records == 40


def test_what_comes_from_a_pipe_has_no_parts(export):
    """It can be read once, by one process."""
    with pytest.raises(ConfigurationError, match="pipe"):
        ask_for_part(named({"customers": ["-"]}).find(RetrySettings()), settings_of(export / "state"), 1, 2)


@pytest.mark.parametrize("part", [(0, 3), (4, 3), (1, 0), (1, 100_000)])
def test_there_is_no_such_part(part, export):
    """Nor more parts than a name can number."""
    with pytest.raises(ConfigurationError, match="there is no part"):
        ask_for_part(with_parts(export, "").find(RetrySettings()), settings_of(export / "state"), *part)


def test_the_number_of_a_part_may_come_from_a_job():
    """Kubernetes, AWS Batch and Cloud Run count from 0."""
    assert read_part("3/8", {}) == (3, 8)
    for name in ("JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX"):
        assert read_part("auto/8", {name: "7"}) == (8, 8)
    for text, environment in (
        ("auto/8", {}),
        ("auto/8", {"JOB_COMPLETION_INDEX": "x"}),
        ("3", {}),
        ("3/", {}),
        ("-1/8", {}),
    ):
        with pytest.raises(ConfigurationError):
            read_part(text, environment)


@pytest.mark.parametrize(
    ("text", "environment", "why"),
    [
        ("1/99999999", {}, "no part 1 of 99999999"),
        ("4/3", {}, "no part 4 of 3"),
        ("auto/3", {"JOB_COMPLETION_INDEX": "abc"}, "JOB_COMPLETION_INDEX is no number"),
        ("auto/3", {"JOB_COMPLETION_INDEX": "9" * 5000}, "JOB_COMPLETION_INDEX is no number"),
        ("auto/3", {"CLOUD_RUN_TASK_INDEX": ""}, "CLOUD_RUN_TASK_INDEX is no number"),
        ("auto/3", {"JOB_COMPLETION_INDEX": "3"}, "no part 4 of 3: JOB_COMPLETION_INDEX is 3, and counts from 0"),
        ("auto/3", {}, "no variable numbers the parts"),
    ],
)
def test_a_wrong_number_is_named_with_where_it_comes_from(text, environment, why):
    """A variable with its name, and the limit in the hint."""
    with pytest.raises(ConfigurationError, match=why):
        read_part(text, environment)


def tar_archive():
    header = tarfile.TarInfo("customers.ndjson")
    header.size = 900
    return header.tobuf() + b'{"id": 1}\n' * 90


ODD = {
    "a tar archive": tar_archive(),
    "UTF-16": '{"id": "c1"}\n{"id": "c2"}\n'.encode("utf-16"),
    "an array": b'[\n{"id": "c1"},\n{"id": "c2"}\n]\n',
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
async def test_a_part_is_made_of_exports_alone(content, export):
    """What `validate` refuses is refused in parts, too, before any line is read."""
    (export / "customers.ndjson").write_bytes(content)
    with pytest.raises(InputError):
        await make(export, 2)
    assert not (export / "parts").exists()


async def test_no_part_is_made_of_an_export_and_its_copy(export):
    """Their records would be sent twice."""
    shutil.copy(export / "customers.ndjson", export / "copy.ndjson")
    both = named({"customers": [export / "customers.ndjson", export / "copy.ndjson"]})
    with pytest.raises(ConfigurationError, match="holds the same records"):
        await validate_part(settings_of(export / "state"), both, 1, 2, out=str(export / "parts"))


def test_a_request_travels(export):
    """As msgpack, to a process that has nothing else."""
    (export / "events.ndjson.gz").write_bytes(gzip.compress(json.dumps(record(Kind.EVENTS, 1)).encode() + b"\n"))
    paths = {"customers": [export / "customers.ndjson"], "events": [export / "events.ndjson.gz"]}
    asked = ask_for_part(named(paths).find(RetrySettings()), settings_of(export / "state"), 1, 2)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(asked), type=PartRequest) == asked
    assert [each.compressed for each in asked.inputs] == [False, True]
    assert all(Path(each.path).stat().st_size == each.size for each in asked.inputs)


async def test_parts_of_two_versions_of_an_export_are_not_joined(export):
    """A line feed moved between two parts, where no sample is: a line would be in both parts, or in none."""
    write_export(export / "customers.ndjson", [record(Kind.CUSTOMERS, number, name="A" * 900) for number in range(400)])
    content = bytearray((export / "customers.ndjson").read_bytes())
    settings = settings_of(export / "state")
    await validate_part(settings, with_parts(export, ""), 1, 3, out=str(export / "parts"))
    end = content.index(b"\n", len(content) // 3)
    at = content.rindex(b"A", 0, end)
    content[at], content[end] = content[end], content[at]
    (export / "customers.ndjson").write_bytes(content)
    for part in (2, 3):
        await validate_part(settings, with_parts(export, ""), part, 3, out=str(export / "parts"))
    with pytest.raises(InputError, match="the export has changed"):
        await planned(with_parts(export), settings)


def test_an_answer_holds_nothing_of_a_record(export):
    """No id, email, name or purchase, in whatever form: only what summaries show anyway, and names of fields."""
    customer = record(Kind.CUSTOMERS, 1, id="secret-id", email="secret@mail.test", name="Secret", remark="Secret")
    odd = record(Kind.CUSTOMERS, 2, id="secret-2", email=7, name="Secret Name")
    events = record(Kind.EVENTS, 1, id="secret-id")
    events["events"][0]["order"]["purchase_id"] = "secret-purchase"
    write_export(export / "customers.ndjson", [customer, odd])
    write_export(export / "events.ndjson", [events])
    paths = {"customers": [export / "customers.ndjson"], "events": [export / "events.ndjson"]}
    asked = ask_for_part(named(paths).find(RetrySettings()), settings_of(export / "state"), 1, 1)
    content = make_part(msgspec.msgpack.encode(asked))
    body = PREFIX.size + read_prefix(content)
    header = read_header(content[PREFIX.size : body])
    frames = [header.checks, *header.notes, *(each for lines in header.stretches for each in lines.frames)]
    packed = (content[body + frame.offset : body + frame.offset + frame.length] for frame in frames)
    text = content[:body] + b"".join(map(zstandard.decompress, packed))
    assert b"remark" in text
    assert b"secret" not in text.lower()
    assert b"mail.test" not in text
