"""The installed `bench`, with very little data: table, picture, JSON, and nothing left behind."""

import json
import signal
import subprocess
from xml.etree import ElementTree as ET

import pytest
from end_to_end_tools import COMMAND, KINDS, clean_environment, run

from masivo_stream.core.reading.prover import is_built

pytestmark = pytest.mark.slow

LITTLE = ("--records", "20", "--rounds", "2", "--uploaders", "1", "3")
ALONE = ["validate, msgspec alone"] if is_built() else []
STAGES = ["decode", "validate", *ALONE, "pack", "send, 1 uploader", "send, 3 uploaders"]


@pytest.fixture
def work(tmp_path):
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


def test_bench_measures_every_stage_of_every_kind(tmp_path, work):
    """It makes one JSON document with everything, a valid picture, and leaves the working directory empty."""
    done = run("bench", *LITTLE, "--directory", work, "--json", "--svg", tmp_path / "bench.svg", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)
    labels = [(result["kind"], result["label"]) for result in found["results"]]
    assert labels == [(kind, stage) for kind in KINDS for stage in STAGES]
    assert all(result["mb_per_second"]["least"] > 0 for result in found["results"])
    assert [result["requests"] for result in found["results"] if result["stage"] == "send"] == [1] * 6
    assert {name: export["records"] for name, export in found["exports"].items()} == dict.fromkeys(KINDS, 20)
    assert ET.parse(tmp_path / "bench.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.svg", "work"]
    assert list(work.iterdir()) == []


def test_bench_measures_the_given_export(export, work):
    """The user's own export is measured, with its faulty lines. The other kinds are left out."""
    directory = export(30, "--invalid", "0.2", kinds=("events",))
    named = ("--events", directory / "events.ndjson")
    done = run("bench", *LITTLE, *named, "--directory", work)
    assert done.returncode == 0, done.stderr
    assert b"events: " in done.stdout
    assert b"customers: " not in done.stdout


def test_bench_sends_to_another_server(served, tmp_path, work):
    """A server that remembers accepts one pass. It refuses the second, and that ends the bench."""
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(served.key)
    once = ("--records", "20", "--rounds", "1", "--uploaders", "2", "--directory", work)
    target = ("--target", served.url, "--api-key-file", key)
    first = run("bench", *once, *target, "--json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["target"] == served.url
    assert len(served.ledger()["customers"]) == 20
    second = run("bench", *once, *target)
    assert (second.returncode, second.stdout) == (7, b"")
    assert b"--rounds 1" in second.stderr
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_bench_can_be_stopped(number, code, work):
    """A signal ends it, with its helper processes, its export and its journals."""
    argv = [COMMAND, "bench", "--records", "3000", "--rounds", "1000", "--directory", work]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()) as process:
        while not list(work.glob("*/transactions.ndjson")):
            assert process.poll() is None
        process.send_signal(number)
        assert b"Traceback" not in process.stderr.read()  # the file disappears with the last process that holds it open
        assert process.wait(300) == code
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("place", ["none/bench.svg", "."])
def test_an_impossible_picture_is_reported_before_measuring(place, tmp_path):
    """The file is checked before, not after, all the measuring."""
    done = run("bench", *LITTLE, "--svg", tmp_path / place)
    assert (done.returncode, done.stdout) == (6, b"")
    assert str(tmp_path).encode() in done.stderr
