"""What is planted in exports is found at its place, and nothing else, whoever validates and however files are cut."""

import gzip
import json
import os
import threading
from functools import partial

import pytest

from masivo_stream.flow.checks.policy import CheckPolicy
from masivo_stream.flow.dry_run.all_kinds import DryRunFiles, dry_run
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.runtime import Runtime
from masivo_stream.generate.planted_findings import PLANTS, write_planted
from masivo_stream.model.contract import Kind
from masivo_stream.model.settings import Settings, SourceSettings, UploadSettings, ValidationSettings

RECORDS = 1500
SHARES = dict.fromkeys(PLANTS, 0.02)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Write an export of each kind; return their directory and the findings that belong to them."""
    directory = tmp_path_factory.mktemp("planted")
    wanted = set()
    for kind in Kind:
        listed = directory / "listed"
        with (directory / f"{kind}.ndjson").open("wb") as stream, listed.open("wb") as list_stream:
            write_planted(stream, list_stream, kind=kind, count=RECORDS, seed=5, plants=SHARES)
        for line in listed.read_bytes().splitlines():
            found = json.loads(line)
            wanted.add(tuple(found[name] for name in ("check", "kind", "line", "other", "reward", "field")))
    return directory, wanted


async def check(directory, names=None, **settings):
    """Return what is found, in the words of the list, and the result as it is."""
    exports = Exports(**(names or {kind.value: (str(directory / f"{kind}.ndjson"),) for kind in Kind}))
    policy = CheckPolicy(first_places=10_000)
    found = await dry_run(Settings(**settings), exports, DryRunFiles(), Runtime().clock, policy)
    checked = found.summary.checks
    listed = [
        (
            each.check.value,
            kind_of(finding.file),
            finding.line,
            finding.others[0].line if finding.others and finding.sums is None else None,
            finding.sums.reward if finding.sums is not None else "",
            finding.field,
        )
        for each in checked.results
        for finding in each.first
    ]
    assert sum(each.count for each in checked.results) == len(listed)
    return listed, checked, found.summary


def kind_of(file):
    return next(kind.value for kind in Kind if kind.value in file)


async def test_exactly_the_planted_faults_are_found(planted):
    """Each finding of the list, once; with little memory of ids, too."""
    directory, wanted = planted
    assert {check for check, *_ in wanted} == {check.value for check in PLANTS.values()}
    listed, checked, summary = await check(directory)
    assert len(listed) == len(set(listed))
    assert set(listed) == wanted
    assert (summary.exit_code, checked.unfinished) == (3, False)
    few = ValidationSettings(remember_ids=100)
    forgetful, *_ = await check(directory, validation=few)
    assert set(forgetful) == wanted


async def test_workers_and_blocks_make_no_difference(planted, monkeypatch):
    """The same findings in the same order, with another process and in small blocks."""
    directory, _ = planted
    _, alone, _ = await check(directory, upload=UploadSettings(workers=1))
    from masivo_stream.flow.pipeline import read_exports

    monkeypatch.setattr(read_exports, "is_much", lambda *_: True)
    _, shared, _ = await check(directory, upload=UploadSettings(workers=2), source=SourceSettings(block_bytes=4096))
    assert shared == alone


async def test_files_may_be_cut_and_compressed(planted, tmp_path):
    """Lines that belong together are found in other files, some of them compressed; places are in the text."""
    directory, wanted = planted
    names = {}
    for kind in Kind:
        lines = (directory / f"{kind}.ndjson").read_bytes().splitlines(keepends=True)
        middle = len(lines) // 2
        first, second = tmp_path / f"{kind}-1.ndjson", tmp_path / f"{kind}-2.ndjson.gz"
        first.write_bytes(b"".join(lines[:middle]))
        second.write_bytes(gzip.compress(b"".join(lines[middle:])))
        names[kind.value] = (str(first), str(second))
    _, checked, _ = await check(tmp_path, names)
    _, whole, _ = await check(directory)
    assert {each.check: each.count for each in checked.results} == {each.check: each.count for each in whole.results}
    assert len(wanted) == sum(each.count for each in checked.results)
    for kind in Kind:
        totals = [each for each in checked.totals if each.kind == kind]
        (of_whole,) = [each for each in whole.totals if each.kind == kind]
        assert sum(each.records for each in totals) == of_whole.records
        assert sum(each.value for each in totals) == of_whole.value


@pytest.mark.parametrize("workers", [0, 1, 2])
async def test_many_files_have_the_same_findings_in_the_same_order(workers, planted, tmp_path):
    """Cut into 30 files of different lengths: the same fields, counts, and lines one after the other."""
    directory, _ = planted
    names, begins = {}, {}
    for kind in Kind:
        lines = (directory / f"{kind}.ndjson").read_bytes().splitlines(keepends=True)
        names[kind.value] = []
        for number, begin in enumerate(range(0, len(lines), len(lines) // 30)):
            path = tmp_path / f"{kind}-{number:02}.ndjson"
            path.write_bytes(b"".join(lines[begin : begin + len(lines) // 30]))
            names[kind.value].append(str(path))
            begins[str(path)] = begin

    def places(checked):
        for each in checked.results:
            yield each.check, each.count
            for found in (*each.fields, *each.first):
                line = found.line + begins.get(found.file, 0)
                yield found.field, getattr(found, "records", 1), kind_of(found.file), line

    names = {kind: tuple(paths) for kind, paths in names.items()}
    _, whole, _ = await check(directory)
    _, cut, _ = await check(tmp_path, names, upload=UploadSettings(workers=workers))
    assert list(places(cut)) == list(places(whole))


async def test_fields_that_are_rejected_are_no_finding(planted):
    """With `unknown_fields = "reject"` their records are dead letters, and nothing else is new."""
    directory, _ = planted
    _, checked, summary = await check(directory, validation=ValidationSettings(unknown_fields="reject"))
    found = {each.check for each in checked.results}
    assert not {PLANTS["misspelled_fields"], PLANTS["unknown_fields"]} & found
    assert summary.kinds["customers"].reasons["unknown_field"] > 0


async def test_a_check_that_is_skipped_finds_nothing(planted):
    """The others find what they found."""
    directory, wanted = planted
    exports = Exports(**{kind.value: (str(directory / f"{kind}.ndjson"),) for kind in Kind})
    skipped = frozenset({PLANTS["orphans"]})
    run = partial(dry_run, Settings(), exports, DryRunFiles(), Runtime().clock)
    checked = (await run(CheckPolicy(skipped))).summary.checks
    assert sum(each.count for each in checked.results) == sum(check not in skipped for check, *_ in wanted)
    assert checked.skipped == tuple(skipped)
    assert not hasattr((await run(None)).summary.checks, "results")


async def test_a_damaged_export_is_not_checked(planted, tmp_path):
    """What is missing might be what is looked for."""
    directory, _ = planted
    names = {kind.value: (str(directory / f"{kind}.ndjson"),) for kind in Kind}
    cut = tmp_path / "customers.ndjson"
    cut.write_bytes((directory / "customers.ndjson").read_bytes()[:-5])
    listed, checked, summary = await check(tmp_path, {**names, "customers": (str(cut),)})
    assert (listed, checked.unfinished, summary.exit_code) == ([], True, 5)


async def test_an_export_from_a_pipe_is_checked_too(planted, tmp_path):
    """The places are the same; sums cannot be read again, and are left out."""
    directory, wanted = planted
    pipe = tmp_path / "transactions.ndjson"
    os.mkfifo(pipe)
    names = {kind.value: (str(directory / f"{kind}.ndjson"),) for kind in Kind}

    def fill():
        with pipe.open("wb") as stream:
            stream.write((directory / "transactions.ndjson").read_bytes())

    writer = threading.Thread(target=fill)
    writer.start()
    listed, *_ = await check(directory, {**names, "transactions": (str(pipe),)})
    writer.join()
    assert {(found[0], found[2]) for found in listed} == {(found[0], found[2]) for found in wanted}
