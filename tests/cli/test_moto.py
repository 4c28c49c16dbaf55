"""The same against a server that is not ours: moto's S3, in a process of its own."""

import gzip
import json
import os

import pytest
from fakes import record
from moto_server import MotoServer
from object_server import credentials

from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.core.reading.object_urls import read_url
from masivo_stream.edges.objects.find_objects import find_objects
from masivo_stream.edges.objects.store import open_store
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    """Serve S3 while the tests of this file run."""
    server = MotoServer(tmp_path_factory.mktemp("moto") / "log")
    yield server
    server.kill()


@pytest.fixture
def s3(moto, monkeypatch, request):
    """A bucket of the test's own."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    for name, value in credentials(moto.url).items():
        monkeypatch.setenv(name, value)
    moto.bucket = "b-" + "".join(sign for sign in request.node.name.lower() if sign.isalnum())[-50:]
    moto.put(moto.bucket)
    return moto


def text_of(test, start, end):
    found = [{**record(Kind.CUSTOMERS, number), "id": f"{test}-{number}"} for number in range(start, end)]
    return b"".join(json.dumps({**each, "email": f"{each['id']}@example.com"}).encode() + b"\n" for each in found)


def test_a_migration_reads_and_publishes(online, s3, request, tmp_path):
    """Names with signs of all kinds; compressed and not; a second start finds that all is done."""
    test, bucket = request.node.name, s3.bucket
    s3.put(f"{bucket}/day=1/a b+ü%41.ndjson", text_of(test, 0, 50))
    s3.put(f"{bucket}/day=2/b.ndjson.gz", gzip.compress(text_of(test, 50, 70) + b"{}\n"))
    s3.put(f"{bucket}/day=2/empty.ndjson", b"")
    arguments = [
        "migrate",
        "--customers",
        f"s3://{bucket}/day=*/*.ndjson*",
        "--publish",
        f"s3://{bucket}/out",
        "--json",
    ]
    for _ in range(2):
        ended = online(*arguments)
        assert (ended.code, json.loads(ended.out)["kinds"]["customers"]["accepted"]) == (3, 70)
        for name in ("dead-letter.customers.ndjson", "report.html", "report.json"):
            assert s3.get(f"{bucket}/out/{name}") == (tmp_path / "masivo-state" / name).read_bytes()
    verified = json.loads(online("verify", "--all", "--json").out)
    assert verified["kinds"]["customers"]["confirmed"] == 70
    old, new = f"s3://{bucket}/day=1/a b+ü%41.ndjson", f"s3://{bucket}/day=3/c.ndjson"
    s3.put(f"{bucket}/day=3/c.ndjson", text_of(test, 0, 50))
    assert online("retry", "--json", "--moved", f"{old}={new}").code == 3


def test_a_replaced_object_stops_the_run(online, s3, request):
    """And the version that it had, put back, continues it."""
    test, bucket = request.node.name, s3.bucket
    s3.put(f"{bucket}/a", text_of(test, 0, 20))
    assert online("migrate", "--customers", f"s3://{bucket}/a").code == 0
    s3.put(f"{bucket}/a", text_of(test, 0, 21))
    ended = online("migrate", "--customers", f"s3://{bucket}/a")
    assert ended.code == 5
    assert "this is a new export" in ended.err
    s3.put(f"{bucket}/a", text_of(test, 0, 20))
    assert online("migrate", "--customers", f"s3://{bucket}/a").code == 0


async def test_a_replaced_object_is_noticed_at_the_next_range(s3):
    """The server itself refuses the condition: 412."""
    s3.put(f"{s3.bucket}/a", b"1" * 3_000_000)
    (found,) = find_objects([f"s3://{s3.bucket}/a"], Patience())
    blocks = found.blocks(0, 1_000_000)
    assert await anext(blocks) == b"1" * 1_000_000
    s3.put(f"{s3.bucket}/a", b"2" * 3_000_000)
    with pytest.raises(InputError, match="the object was replaced"):
        await anext(blocks)
    await blocks.aclose()


def test_a_version_is_noted(s3):
    """In a bucket that keeps versions."""
    s3.put(f"{s3.bucket}?versioning", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
    s3.put(f"{s3.bucket}/a", b"1")
    (first,) = find_objects([f"s3://{s3.bucket}/a"], Patience())
    s3.put(f"{s3.bucket}/a", b"1")
    (second,) = find_objects([f"s3://{s3.bucket}/a"], Patience())
    assert first.facts.etag == second.facts.etag
    assert first.facts.version != second.facts.version != ""


@pytest.mark.slow
def test_a_long_list_is_read_to_its_end(s3):
    """A list has at most a thousand keys a page."""
    for number in range(1005):
        s3.put(f"{s3.bucket}/part-{number}", b"")
    for pattern in ("part-*", "**"):
        url = read_url(f"s3://{s3.bucket}/{pattern}")
        assert len(open_store(url).list(url)) == 1005
