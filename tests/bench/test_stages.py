"""The stages: what each counts of an export, and which errors end a measurement."""

from pathlib import Path

import pytest

from masivo_stream.bench.helper_processes import running_sink
from masivo_stream.bench.stages import settings_of, work
from masivo_stream.generate.export import write_exports
from masivo_stream.model.bench_result import Case, Failed, Job, Measured, Stage
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode

NO_SERVER = "http://127.0.0.1:9"


@pytest.fixture
def exports(tmp_path):
    return write_exports(tmp_path, records=3, seed=1)


def job(kind, stage, paths, tmp_path, url=NO_SERVER, **settings):
    case = Case(kind=kind, stage=stage, settings=settings)
    return Job(case=case, paths=tuple(map(str, paths)), url=url, directory=str(tmp_path))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("stage", [Stage.DECODE, Stage.VALIDATE, Stage.PACK])
def test_each_stage_measures_something(kind, stage, exports, tmp_path):
    """For every kind, each stage measures something, and sends nothing."""
    found = work(job(kind, stage, exports[kind], tmp_path))
    assert isinstance(found, Measured)
    assert found.seconds > 0
    assert found.peak_rss_bytes > 1_000_000
    assert found.requests == 0


@pytest.mark.parametrize("kind", Kind)
def test_validation_reads_all_of_an_export(kind, exports, tmp_path):
    """Records, items and bytes are those of the file."""
    found = work(job(kind, Stage.VALIDATE, exports[kind], tmp_path))
    size = sum(Path(path).stat().st_size for path in exports[kind])
    assert (found.records, found.bytes) == (3, size)
    assert found.items >= 3


def test_faulty_lines_are_measured_as_well(tmp_path):
    """No line of a user's export ends a measurement."""
    export = tmp_path / "faulty.ndjson"
    export.write_bytes(b'{"id": 1}\n\xff\n' + b"[" * 100_000 + b"\n\n{}")
    for stage in (Stage.DECODE, Stage.VALIDATE, Stage.PACK):
        assert isinstance(work(job(Kind.EVENTS, stage, [export], tmp_path)), Measured)


@pytest.mark.slow
def test_an_empty_export_is_not_an_error(tmp_path):
    """There is nothing to do, and the measurement succeeds."""
    export = tmp_path / "empty.ndjson"
    export.touch()
    with running_sink() as sink:
        for stage in Stage:
            found = work(job(Kind.CUSTOMERS, stage, [export], tmp_path, sink.url))
            assert (found.records, found.items, found.requests) == (0, 0, 0)


def test_an_unreadable_export_is_reported(tmp_path):
    """An error is returned in parts, with the exit code that it has in a command."""
    found = work(job(Kind.EVENTS, Stage.PACK, [tmp_path / "none"], tmp_path))
    assert isinstance(found, Failed)
    assert found.exit_code == ExitCode.INPUT
    assert found.place == str(tmp_path / "none")


def test_nothing_is_left_behind(exports, tmp_path):
    """State and journal are removed after the measurement."""
    before = sorted(tmp_path.iterdir())
    work(job(Kind.EVENTS, Stage.PACK, exports[Kind.EVENTS], tmp_path))
    assert sorted(tmp_path.iterdir()) == before


def test_a_case_sets_what_it_varies(tmp_path):
    """Its settings apply, there is no limit, and nothing of other runs on this machine is used."""
    settings = settings_of(job(Kind.EVENTS, Stage.SEND, [], tmp_path, uploaders=7), "place")
    assert settings.upload.uploaders == 7
    assert settings.limits.limit == ()
    assert settings.state.state_dir.startswith("place")
    assert settings.state.shared_dir.startswith("place")


@pytest.mark.slow
@pytest.mark.parametrize("kind", Kind)
def test_each_request_reaches_the_sink(kind, exports, tmp_path):
    """The sink counts the requests that the run does."""
    with running_sink() as sink:
        found = work(job(kind, Stage.SEND, exports[kind], tmp_path, sink.url, uploaders=2))
        counts = sink.reset()
        assert sink.reset().bodies == 0
    assert found.records == 3
    assert (counts.bodies, counts.bytes) == (found.requests, found.bytes)
