"""Objects are read in ranges, always the object that was found, through whatever a server does."""

import gzip
import itertools
import json
import random
from contextlib import aclosing

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from object_server import credentials, serving

from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.core.reading.object_ranges import GAP_BYTES, RANGE_BYTES
from masivo_stream.edges.export.source import Input, compression_at, read_blocks, read_head, read_places, read_ranges
from masivo_stream.edges.objects.find_objects import HEAD_BYTES, find_objects, read_object
from masivo_stream.edges.objects.object_file import Timing
from masivo_stream.model.errors import ConfigurationError, InputError, UnreachableExportError

BLOCK = 64 * 1024
RANDOM = random.Random(1)
TEXT = b"".join(b'{"id":"c-%d","name":"%x"}\n' % (number, RANDOM.getrandbits(160)) for number in range(40_000))
BIG = (TEXT * (1 + (2 * RANGE_BYTES + 12345) // len(TEXT)))[: 2 * RANGE_BYTES + 12345]
PATIENT = Patience(first_delay=1.0, longest_delay=60.0, outage_limit=600.0)


class Fast:
    """Time that passes only while the reader waits."""

    def __init__(self):
        self.time, self.waits = 0.0, []

    async def sleep(self, seconds):
        self.pause(seconds)

    def pause(self, seconds):
        self.waits.append(seconds)
        self.time += seconds

    @property
    def timing(self):
        return Timing(now=lambda: self.time, sleep=self.sleep, pause=self.pause, chance=lambda: 0.0)


@pytest.fixture
def bucket(monkeypatch):
    with serving() as found:
        for name, value in credentials(found.url).items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def fast():
    return Fast()


def find(*names, fast=None, patience=PATIENT):
    found = find_objects(names, patience, None if fast is None else fast.timing)
    return [Input(each.shown, each.facts.size, stored=each) for each in found]


async def content(source, start=0, block_bytes=BLOCK):
    return b"".join([piece async for piece in read_blocks(source, block_bytes=block_bytes, start=start)])


PACK = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}


@pytest.mark.parametrize("packed", PACK)
async def test_an_object_is_read_as_a_file_is(bucket, packed):
    """From the beginning and from any byte on, whatever the compression; the name does not count."""
    bucket.objects["exports/a"] = PACK[packed](TEXT)
    (source,) = find("s3://exports/a")
    assert source.size == len(PACK[packed](TEXT))
    assert compression_at(source) == packed
    assert await content(source) == TEXT
    for start in (1, BLOCK, len(TEXT) - 1, len(TEXT)):
        assert await content(source, start=start) == TEXT[start:]
    head = read_head(source, 20_000)
    assert (head.plain, head.ended) == (TEXT[:20_000], False)


async def test_an_object_is_read_in_ranges_with_its_etag(bucket):
    """One short range to begin with, then large ones. Nothing is open while blocks wait to be taken."""
    bucket.objects["exports/a"] = BIG
    (source,) = find("s3://exports/a")
    bucket.seen.clear()
    assert await content(source) == BIG
    starts = [0, BLOCK, BLOCK + RANGE_BYTES]
    ends = [*starts[1:], len(BIG)]
    assert bucket.ranges_of("a") == [f"bytes={a}-{b - 1}" for a, b in zip(starts, ends, strict=True)]
    assert {condition for *_, condition in bucket.seen} == {bucket.etag(BIG)}


async def test_reading_goes_on_at_the_offset(bucket):
    """A restart does not read what came before."""
    bucket.objects["exports/a"] = BIG
    (source,) = find("s3://exports/a")
    bucket.seen.clear()
    assert await content(source, start=RANGE_BYTES + 7) == BIG[RANGE_BYTES + 7 :]
    assert bucket.ranges_of("a")[0].startswith(f"bytes={RANGE_BYTES + 7}-")


async def test_one_range_is_read_ahead_and_no_more(bucket):
    """Memory is bounded while the taker is slow."""
    bucket.objects["exports/a"] = BIG * 3
    (source,) = find("s3://exports/a")
    bucket.seen.clear()
    async with aclosing(read_blocks(source, block_bytes=BLOCK)) as blocks:
        for number in itertools.count():
            await anext(blocks)
            # The range that is given out, and the one after it.
            assert len(bucket.ranges_of("a")) <= 2 + max(0, number - 1) // (RANGE_BYTES // BLOCK) + 1
            if number > RANGE_BYTES // BLOCK:
                break


async def test_looking_at_the_beginning_reads_no_more(bucket):
    """There may be thousands of parts."""
    bucket.objects["exports/a"] = BIG
    (source,) = find("s3://exports/a")
    async with aclosing(read_blocks(source, block_bytes=BLOCK)) as blocks:
        assert await anext(blocks) == BIG[:BLOCK]
    assert bucket.ranges_of("a") == [f"bytes=0-{HEAD_BYTES - 1}", f"bytes=0-{BLOCK - 1}"]


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, BLOCK])
async def test_small_objects(bucket, size):
    """An empty one, too: a range of it is answered by 416."""
    bucket.objects["exports/a"] = TEXT[:size]
    (source,) = find("s3://exports/a")
    assert (source.size, await content(source)) == (size, TEXT[:size])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 3 * BLOCK),
    start=st.integers(0, 3 * BLOCK),
    faults=st.lists(
        st.sampled_from(["", "503", "500", "429", "short", "wrong-length", "other-range", "reset", "slow"]), max_size=9
    ),
    slow=st.sampled_from([1, 777, BLOCK]),
)
async def test_whatever_happens_on_the_way_the_bytes_are_right(bucket, size, start, faults, slow):
    """Throttling, resets, wrong lengths: the read is repeated from where it was."""
    bucket.objects["exports/a"], fast = TEXT[:size], Fast()
    bucket.faults.clear()
    (source,) = find("s3://exports/a", fast=fast)
    bucket.faults.extend(faults)
    assert await content(source, start=min(start, size), block_bytes=max(slow, size // 50)) == TEXT[start:size]
    assert all(0 < wait <= 60 for wait in fast.waits)


async def test_throttling_is_waited_out_with_growing_delays(bucket, fast):
    """And whoever listens hears of every wait."""
    bucket.objects["exports/a"] = TEXT
    (source,) = find("s3://exports/a", fast=fast)
    heard = []
    source.stored.on_wait = lambda *heard_of: heard.append(heard_of)
    bucket.faults.extend(["503"] * 5)
    assert await content(source, block_bytes=len(TEXT)) == TEXT
    assert fast.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert heard[0] == ("s3://exports/a", "503 SlowDown", 1.0)
    assert len(heard) == 5


async def test_a_range_that_fails_is_read_in_smaller_parts(bucket, fast):
    """On a slow network a large one may never arrive in time. The following range is large again."""
    bucket.objects["exports/a"] = BIG
    (source,) = find("s3://exports/a", fast=fast)
    bucket.seen.clear()
    bucket.faults.extend(["", "reset", "reset"])
    assert await content(source) == BIG
    asked = [found.removeprefix("bytes=").split("-") for found in bucket.ranges_of("a")]
    lengths = [int(last) - int(first) + 1 for first, last in asked]
    whole, quarter = RANGE_BYTES, RANGE_BYTES // 4
    assert lengths == [BLOCK, whole, whole // 2, *[quarter] * 4, len(BIG) - BLOCK - whole]


async def test_an_outage_ends_the_read_at_last(bucket, fast):
    """Exit code 6: it is no fault of the export."""
    bucket.objects["exports/a"] = TEXT
    (source,) = find("s3://exports/a", fast=fast)
    bucket.always = "503"
    with pytest.raises(UnreachableExportError, match="does not answer: 503 SlowDown") as caught:
        await content(source)
    assert (int(caught.value.exit_code), caught.value.place) == (6, "s3://exports/a")
    assert 600 <= fast.time < 700


async def test_a_server_that_is_away_is_waited_for(monkeypatch, fast):
    """It may be restarted meanwhile."""
    with serving() as first:
        for name, value in credentials(first.url).items():
            monkeypatch.setenv(name, value)
        first.objects["exports/a"] = TEXT
        (source,) = find("s3://exports/a", fast=fast)
    port = int(first.url.rpartition(":")[2])
    gone, back = fast.sleep, []

    async def sleep(seconds):
        await gone(seconds)
        if len(fast.waits) == 3:
            back.append(serving(port))
            back[0].__enter__().objects["exports/a"] = TEXT

    source.stored._timing = Timing(now=lambda: fast.time, sleep=sleep, pause=fast.pause, chance=lambda: 0.0)
    try:
        assert await content(source) == TEXT
        assert fast.waits == [1.0, 2.0, 4.0]
    finally:
        back[0].__exit__(None, None, None)


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_replaced_object_is_noticed(bucket, fast, at_once):
    """In the middle of the read, or before it: at the next range."""
    bucket.objects["exports/a"] = BIG
    (source,) = find("s3://exports/a", fast=fast)
    if at_once:
        bucket.objects["exports/a"] = BIG[:-1] + b"!"
    read = bytearray()

    async def take_all():
        async for block in read_blocks(source, block_bytes=BLOCK):
            read.extend(block)
            bucket.objects["exports/a"] = BIG[:-1] + b"!"

    with pytest.raises(InputError, match="not the one that was found at the start") as caught:
        await take_all()
    assert BIG.startswith(read)
    assert (read == b"") is at_once
    assert int(caught.value.exit_code) == 5
    assert fast.waits == []


async def test_a_replaced_object_is_noticed_by_the_answer_if_the_server_ignores_the_condition(bucket, fast):
    """A range of another object is never taken for one of this."""
    bucket.objects["exports/a"] = TEXT
    (source,) = find("s3://exports/a", fast=fast)
    bucket.objects["exports/a"], bucket.always = TEXT[:-1] + b"!", "ignores-condition"
    with pytest.raises(InputError, match="not the one that was found"):
        await content(source)


async def test_an_object_that_is_gone_is_reported(bucket, fast):
    """Nothing is waited for."""
    bucket.objects["exports/a"] = TEXT
    (source,) = find("s3://exports/a", fast=fast)
    del bucket.objects["exports/a"]
    with pytest.raises(InputError, match="no longer there"):
        await content(source)
    assert fast.waits == []


@pytest.mark.parametrize("etag", ['W/"1"', None])
async def test_without_a_strong_etag_the_answers_are_compared(bucket, etag):
    """`If-Match` needs a strong one. Without any, size and time of change count."""
    bucket.objects["exports/a"] = TEXT
    bucket.etag_of = lambda _body: etag
    (source,) = find("s3://exports/a")
    assert await content(source) == TEXT
    assert {condition for *_, condition in bucket.seen} == {""}
    for other in (TEXT + b"\n", TEXT[:-1], TEXT[:9], b""):
        bucket.objects["exports/a"] = other
        with pytest.raises(InputError, match="not the one that was found"):
            await content(source)


def test_an_object_without_any_mark_is_refused(bucket):
    """A change could not be noticed."""
    bucket.objects["exports/a"], bucket.always = TEXT, "no-time"
    bucket.etag_of = lambda _body: None
    with pytest.raises(InputError, match="neither an ETag nor a time of change") as caught:
        find("s3://exports/a")
    assert "download" in caught.value.hint


def test_a_server_that_ignores_ranges_is_refused(bucket, fast):
    """All of the object at once would keep the connection open for hours."""
    bucket.objects["exports/a"], bucket.always = TEXT, "whole"
    with pytest.raises(InputError, match="does not send parts") as caught:
        find("s3://exports/a", fast=fast)
    assert "download" in caught.value.hint
    assert fast.waits == []


async def test_a_server_that_ignores_ranges_later_is_refused(bucket, fast):
    """A proxy may be in between by now."""
    bucket.objects["exports/a"] = TEXT
    (source,) = find("s3://exports/a", fast=fast)
    bucket.always = "whole"
    with pytest.raises(InputError, match="does not send parts"):
        await content(source)


# Finding.


def test_a_pattern_is_listed_once_and_sorted(bucket):
    """One list, and one request for each object."""
    for name in ("b/3.ndjson", "b/1.ndjson", "b/2.ndjson.gz", "b/deep/4.ndjson", "c/5.ndjson", "b/x.csv"):
        bucket.objects[f"exports/{name}"] = TEXT[:100]
    bucket.objects["exports/b/"] = b""
    found = find("s3://exports/b/*.ndjson*")
    assert [each.path for each in found] == [f"s3://exports/b/{n}" for n in ("1.ndjson", "2.ndjson.gz", "3.ndjson")]
    lists = [path for _, path, *_ in bucket.seen if "list-type" in path]
    assert len(lists) == 1
    assert len(bucket.seen) == 4
    found = find("s3://exports/**/*.ndjson")
    assert [each.path.rpartition("/")[2][0] for each in found] == ["1", "3", "4", "5"]


def test_an_object_is_found_once_and_in_the_order_of_the_names(bucket):
    """As files are."""
    for name in ("a", "b", "c"):
        bucket.objects[f"exports/{name}"] = TEXT[:9]
    found = find("s3://exports/c", "s3://exports/*", "s3://exports/a")
    assert [each.path for each in found] == ["s3://exports/c", "s3://exports/a", "s3://exports/b"]


@pytest.mark.parametrize(
    ("name", "what"),
    [("s3://exports/none", "there is no such object"), ("s3://exports/none-*", "no object matches the pattern")],
)
def test_what_is_not_there_is_reported(bucket, name, what):
    """With bucket, key and endpoint as what to check."""
    with pytest.raises(InputError, match=what) as caught:
        find(name)
    assert caught.value.place == name
    assert "endpoint" in caught.value.hint


def test_a_denied_object_is_reported_without_the_answer(bucket, fast):
    """Answers of S3 to a wrong signature quote what was signed."""
    bucket.objects["exports/a"], bucket.always = TEXT, "403"
    with pytest.raises(InputError, match="may not be read: 403 AccessDenied") as caught:
        find("s3://exports/a", fast=fast)
    text = f"{caught.value} {caught.value.hint} {caught.value.place} {caught.value.__cause__}"
    assert "SECRET" not in text
    assert fast.waits == []


def test_a_command_that_begins_waits_for_a_minute(bucket, fast):
    """Then it says so."""
    bucket.always = "503"
    with pytest.raises(UnreachableExportError, match="does not answer"):
        find("s3://exports/a", fast=fast)
    assert 60 <= fast.time < 125


def test_a_server_that_recovers_is_found(bucket, fast):
    """After two failures of the list, and one of the object."""
    bucket.objects["exports/a"] = TEXT
    bucket.faults.extend(["503", "500", "", "reset"])
    assert [each.path for each in find("s3://exports/*", fast=fast)] == ["s3://exports/a"]
    assert fast.waits == [1.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "minio", "", "https://", "ftp://x", "http:// a", "http://u:S3CR3T@h"]
)
def test_an_endpoint_that_is_no_url_is_refused(bucket, fast, monkeypatch, endpoint):
    """The library would panic. Its value is not shown."""
    for name, url in (("AWS_ENDPOINT_URL", "s3://exports/a"), ("GOOGLE_BASE_URL", "gs://exports/*")):
        monkeypatch.setenv(name, endpoint)
        with pytest.raises(ConfigurationError, match=f"{name} is not a URL") as caught:
            find(url, fast=fast)
        assert "S3CR3T" not in f"{caught.value} {caught.value.hint}"
    assert bucket.seen == fast.waits == []


def test_an_endpoint_without_tls_is_refused_until_it_is_allowed(bucket, fast, monkeypatch):
    """At once: the library would call it unreachable."""
    bucket.objects["exports/a"] = TEXT
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(ConfigurationError, match="without TLS") as caught:
        find("s3://exports/a", fast=fast)
    assert "AWS_ALLOW_HTTP=true" in caught.value.hint
    assert bucket.seen == fast.waits == []
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert find("s3://exports/a", fast=fast)


@pytest.mark.parametrize(("name", "value"), [("AWS_REGION", "a b"), ("AWS_SESSION_TOKEN", "S3CR3T\nb")])
def test_a_panic_of_the_library_is_an_error_like_others(bucket, monkeypatch, name, value):
    """Without its text, which may quote what it was given."""
    monkeypatch.setenv(name, value)
    if name == "AWS_REGION":
        monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(ConfigurationError, match="gave up") as caught:
        find("s3://exports/a")
    assert "S3CR3T" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


@pytest.mark.parametrize("key", ["n/dbl//slash.ndjson", "n/dot/../x.ndjson", "n/./x.ndjson"])
def test_an_object_whose_key_cannot_be_named_is_named_by_the_listing(bucket, fast, key):
    """A pattern that does not reach it is read as ever."""
    bucket.objects["exports/n/a.ndjson"] = bucket.objects[f"exports/{key}"] = TEXT
    with pytest.raises(InputError, match="the key of an object") as caught:
        find("s3://exports/**/*.ndjson", fast=fast)
    assert f'"{key}"' in str(caught.value)
    assert fast.waits == []
    bucket.objects["exports/m/a.ndjson"] = TEXT
    assert [each.path for each in find("s3://exports/m/*", fast=fast)] == ["s3://exports/m/a.ndjson"]


def test_credentials_that_cannot_be_had_are_reported_at_once(bucket, fast, monkeypatch):
    """Not after an hour of asking a metadata service that this machine does not have."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(InputError, match=r"there are no credentials for s3://: .*Missing AccessKeyId"):
        find("s3://exports/a", fast=fast)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x")
    with pytest.raises(InputError, match="there are no credentials for s3://") as caught:
        find("s3://exports/a", fast=fast)
    assert "docs/object-storage.md" in caught.value.hint
    assert fast.waits == []


# https.


async def test_an_https_url_is_read(bucket):
    """With its query, which is in no name; here http, because it is this machine."""
    bucket.objects["exports/a b.ndjson"] = TEXT
    url = f"{bucket.url}/exports/a%20b.ndjson?X-Amz-Signature=S3CR3T%2F1&x=1"
    (source,) = find(url)
    assert source.path == f"{bucket.url}/exports/a%20b.ndjson"
    assert await content(source) == TEXT
    assert {path.partition("?")[2] for _, path, *_ in bucket.seen} == {"X-Amz-Signature=S3CR3T%2F1&x=1"}
    assert "S3CR3T" not in repr(source)


def test_a_presigned_url_that_is_refused_shows_no_signature(bucket):
    """The library's texts quote the whole URL."""
    bucket.always = "403"
    with pytest.raises(InputError) as caught:
        find(f"{bucket.url}/exports/a?X-Amz-Signature=S3CR3T")
    error = caught.value
    assert "S3CR3T" not in f"{error} {error.place} {error.hint} {error.__cause__} {error.__context__}"


def test_two_urls_that_differ_in_their_query_are_refused(bucket):
    """They would have one name."""
    bucket.objects["exports/a"] = TEXT
    with pytest.raises(ConfigurationError, match="differ only after the path") as caught:
        find(f"{bucket.url}/exports/a?v=S3CR3T1", f"{bucket.url}/exports/a?v=S3CR3T2")
    assert "S3CR3T" not in f"{caught.value} {caught.value.place}"


async def test_google_cloud_storage_is_read(bucket, monkeypatch):
    """Its XML interface is that of S3; the endpoint is in the service account's file, as its emulators want it."""
    account = {"gcs_base_url": bucket.url, "disable_oauth": True, "client_email": "", "private_key": ""}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps({**account, "private_key_id": ""}))
    monkeypatch.setenv("GOOGLE_ALLOW_HTTP", "true")
    bucket.objects["exports/x/1"] = TEXT
    (source,) = find("gs://exports/x/*")
    assert (source.path, await content(source)) == ("gs://exports/x/1", TEXT)


# Places.


async def test_places_are_read_together_if_they_are_near(bucket):
    """Two far apart are two requests, whatever the number of places."""
    bucket.objects["exports/a"] = BIG
    (source,) = find("s3://exports/a")
    bucket.seen.clear()
    far = GAP_BYTES * 5
    spans = [(10, 20), (40, 5), (1000, 100), (far, 9), (far + 100, 30)]
    expected = [BIG[offset : offset + length] for offset, length in spans]
    assert await read_places(source, spans) == expected
    assert sorted(bucket.ranges_of("a")) == ["bytes=10-1099", f"bytes={far}-{far + 129}"]
    assert await read_ranges(source, spans, block_bytes=BLOCK) == expected


async def test_places_of_a_compressed_object_are_read_as_those_of_a_file(bucket):
    """From its beginning."""
    bucket.objects["exports/a"] = gzip.compress(TEXT)
    (source,) = find("s3://exports/a")
    assert await read_ranges(source, [(7, 9), (90_000, 11)], block_bytes=BLOCK) == [TEXT[7:16], TEXT[90_000:90_011]]


def test_a_small_object_is_read_whole(bucket):
    """Such as a file of settings."""
    bucket.objects["exports/config.toml"] = TEXT[:9000]
    assert read_object("s3://exports/config.toml") == TEXT[:9000]
    bucket.objects["exports/config.toml"] = b"x" * (16 * 1024 * 1024 + 1)
    with pytest.raises(InputError, match="too large"):
        read_object("s3://exports/config.toml")
