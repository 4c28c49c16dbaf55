"""`prepare` with its mapping and its sources in object storage: the same exports as from files."""

import csv
import gzip
import json
import sqlite3
from pathlib import Path

import pytest
from made_shop import MAPPING, make_shop

EXPORTS = ("customers.ndjson", "events.ndjson", "transactions.ndjson")


@pytest.fixture
def shop(bucket, tmp_path):
    """A small shop on disk, and in a bucket: a file packed, another one in two parts."""
    make_shop(tmp_path, customers=12)
    files = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    head, *rows = files["points_ledger.csv"].splitlines(keepends=True)
    bucket.objects["shop/1/customers.csv.gz"] = gzip.compress(files["customers.csv"])
    bucket.objects["shop/1/orders.csv"] = files["orders.csv"]
    bucket.objects["shop/2/order_lines.csv"] = files["order_lines.csv"]
    bucket.objects["shop/ledger/a.csv"] = head + b"".join(rows[:9])
    bucket.objects["shop/ledger/b.csv"] = head + b"".join(rows[9:])
    text = MAPPING.replace('"customers.csv"', '"s3://shop/1/customers.csv.gz"').replace(
        '"orders', '"s3://shop/1/orders'
    )
    text = text.replace('"order_lines', f'"{bucket.url}/shop/2/order_lines')
    text = text.replace("order_lines.csv", "order_lines.csv?sig=S3CR3T")
    text = text.replace('"points_ledger.csv"', '"s3://shop/ledger/*.csv"')
    bucket.objects["conf/mapping.toml"] = text.encode()
    (tmp_path / "remote.toml").write_text(text)
    return tmp_path


def left_out(directory):
    """Return how often each row was remarked upon for which reason, whatever its file is called."""
    with Path(directory, "left-out.csv").open(newline="") as file:
        return sorted((row["table"], row["action"], row["reason"]) for row in csv.DictReader(file))


def test_sources_in_a_bucket_give_the_same_exports(command, bucket, shop):
    """Byte for byte; remarks name URLs, without what may be a signature; nothing of the sources stays on disk."""
    bucket.faults.extend(["", "503", "reset", "", "wrong-length", "short", "slow"] * 3)
    assert command("prepare", "mapping.toml", "-o", "local").code == 0
    before = sorted(shop.rglob("*"))
    checked = json.loads(command("prepare", "remote.toml", "--check", "--json").out)
    assert sorted(shop.rglob("*")) == before
    ended = command("prepare", "s3://conf/mapping.toml", "-o", "remote", "--json")
    assert ended.code == 0, ended.err
    for name in EXPORTS:
        assert Path("remote", name).read_bytes() == Path("local", name).read_bytes(), name
    assert left_out("remote") == left_out("local")
    assert sorted(path.name for path in Path("remote").iterdir()) == sorted([*EXPORTS, "left-out.csv", "prepare.json"])
    told = json.loads(Path("remote/prepare.json").read_bytes())
    assert checked["preparation"]["equations"] == told["equations"]
    assert told["mapping"] == "s3://conf/mapping.toml"
    files = [name for source in told["sources"] for name in source["files"]]
    assert files == [
        "s3://shop/1/customers.csv.gz",
        "s3://shop/1/orders.csv",
        f"{bucket.url}/shop/2/order_lines.csv",
        "s3://shop/ledger/a.csv",
        "s3://shop/ledger/b.csv",
    ]
    assert "S3CR3T" not in ended.out + ended.err + Path("remote/left-out.csv").read_text() + json.dumps(told)


def test_sources_in_a_bucket_are_prepared_in_parts(command, bucket, shop):
    """Each part copies them. A URL with another signature is the same source, a replaced object is another one."""
    assert command("prepare", "s3://conf/mapping.toml", "-o", "whole").code == 0
    for number in (1, 2):
        ended = command("prepare", "s3://conf/mapping.toml", "--part", f"{number}/2", "-o", "parts")
        assert (ended.code, ended.err) == (0, "")
        assert "prepare s3://conf/mapping.toml --parts parts" in ended.out
    assert not any(b"S3CR3T" in path.read_bytes() for path in Path("parts").rglob("*") if path.is_file())
    bucket.objects["conf/mapping.toml"] = bucket.objects["conf/mapping.toml"].replace(b"S3CR3T", b"AN0TH3R")
    ended = command("prepare", "s3://conf/mapping.toml", "--parts", "parts", "-o", "export")
    assert ended.code == 0, ended.err
    for path in Path("whole").iterdir():
        assert path.read_bytes() == Path("export", path.name).read_bytes(), path.name
    bucket.objects["shop/1/orders.csv"] += b"\n"
    ended = command("prepare", "s3://conf/mapping.toml", "--parts", "parts", "-o", "export")
    assert ended.code == 2
    assert "1, 2 stale" in ended.err
    assert not [path.name for path in Path("parts").iterdir() if path.name.startswith(".")]


def test_every_format_is_read_from_a_bucket(command, bucket, tmp_path):
    """Parquet and SQLite are read in place once they were copied."""
    duckdb = pytest.importorskip("duckdb")
    rows = [("1", "Ana", "a@b.co", "2020-01-01T10:00:00Z"), ("2", "Eva", "e@b.co", "2020-01-01T10:00:00Z")]
    with duckdb.connect() as database:
        database.execute("CREATE TABLE t (id VARCHAR, name VARCHAR, email VARCHAR, registration_date VARCHAR)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        database.execute(f"COPY t TO '{tmp_path}/p.parquet' (FORMAT parquet)")
    with sqlite3.connect(tmp_path / "s.db") as database:
        database.execute("CREATE TABLE t (id TEXT, name TEXT, email TEXT, registration_date TEXT)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [("3", *rows[0][1:2], "c@b.co", rows[0][3])])
    database.close()
    for name in ("p.parquet", "s.db"):
        bucket.objects[f"shop/{name}"] = (tmp_path / name).read_bytes()
    (tmp_path / "mapping.toml").write_text(
        '[sources]\np = "s3://shop/*.parquet"\ns = { path = "s3://shop/s.db", table = "t" }\n[customers]\n'
        'select = "SELECT * FROM p UNION ALL BY NAME SELECT * FROM s"\n'
    )
    ended = command("prepare", "mapping.toml", "-o", "export")
    assert ended.code == 0, ended.err
    ids = [json.loads(line)["id"] for line in Path("export/customers.ndjson").read_bytes().splitlines()]
    assert sorted(ids) == ["1", "2", "3"]
    files = [
        name for source in json.loads(Path("export/prepare.json").read_bytes())["sources"] for name in source["files"]
    ]
    assert files == ["s3://shop/p.parquet", "s3://shop/s.db:t"]


def test_work_that_was_stopped_continues(command, bucket, shop, monkeypatch):
    """After an outage, and after an object was away; what was loaded is not copied again."""
    monkeypatch.setenv("MASIVO_OUTAGE_LIMIT", "0.3")

    def fail(handler):
        first = handler.headers.get("Range", "")
        bucket.always = "503" if "order_lines" in handler.path and not first.startswith("bytes=0-8191") else ""

    bucket.before = fail
    ended = command("prepare", "remote.toml", "-o", "export")
    assert (ended.code, "object storage does not answer: 503 SlowDown" in ended.err) == (6, True)
    assert not list(Path("export/.spill/copies").glob("*"))
    bucket.before = None
    bucket.always = ""
    bucket.seen.clear()
    text = bucket.objects.pop("shop/ledger/b.csv")
    bucket.objects["shop/ledger/b.csv"] = text
    assert command("prepare", "remote.toml", "-o", "export").code == 0
    assert len(bucket.ranges_of("shop/1/customers.csv.gz")) == 1  # its beginning, when it is found
    assert len(bucket.ranges_of("shop/2/order_lines.csv")) > 1
    assert all(Path("export", name).exists() for name in EXPORTS)


def test_an_object_that_is_replaced_while_it_is_copied_stops_the_work(command, bucket, shop):
    """Exit code 5; the next start begins again with the new one."""

    def replace(handler):
        if "orders" in handler.path and "If-Match" in handler.headers:
            bucket.objects["shop/1/orders.csv"] = bucket.objects["shop/1/orders.csv"][:200].rpartition(b"\n")[0]

    bucket.before = replace
    ended = command("prepare", "remote.toml", "-o", "export")
    assert (ended.code, "the object was replaced" in ended.err) == (5, True)
    assert not Path("export/customers.ndjson").exists()
    bucket.before = None
    assert command("prepare", "remote.toml", "-o", "export").code in {0, 3}


def test_a_source_that_was_replaced_begins_the_work_again(command, bucket, shop, monkeypatch):
    """Between two starts: what was loaded of the old object counts no more."""
    monkeypatch.setenv("MASIVO_OUTAGE_LIMIT", "0.1")

    def fail(handler):
        bucket.always = "503" if "b.csv" in handler.path and "If-Match" in handler.headers else ""

    bucket.before = fail
    assert command("prepare", "remote.toml", "-o", "export").code == 6
    bucket.before, bucket.always = None, ""
    text = gzip.decompress(bucket.objects["shop/1/customers.csv.gz"]).replace(b"Ana Gil", b"Mia Gil")
    bucket.objects["shop/1/customers.csv.gz"] = gzip.compress(text)
    assert command("prepare", "remote.toml", "-o", "export").code == 0
    written = Path("export/customers.ndjson").read_text()
    assert "Mia Gil" in written
    assert "Ana Gil" not in written


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mapping.toml", "-o", "s3://results/export"], "name a directory"),
        (["--init", "shopify", "customers.csv", "-o", "gs://results/mapping.toml"], "name a directory"),
        (["--init", "shopify", "s3://shop/1/*"], "download one file of each kind"),
        (["s3://conf/none.toml", "--check"], "check bucket and key"),
    ],
)
def test_what_cannot_be_in_a_bucket_is_refused(command, shop, arguments, says):
    """With the way round it; no directory of that name is made."""
    ended = command("prepare", *arguments)
    assert ended.code in {2, 5}
    assert says in ended.err
    assert not [path for path in Path().rglob("*") if ":" in path.name]


def test_exports_that_were_copied_to_a_bucket_are_migrated(online, bucket, shop):
    """`--from` takes the URL of their folder, with and without a slash, packed or not."""
    assert online("prepare", "mapping.toml", "-o", "export").code == 0
    for name in EXPORTS:
        text = Path("export", name).read_bytes()
        packed = name == "events.ndjson"
        bucket.objects[f"results/day=1/{name}{'.gz' * packed}"] = gzip.compress(text) if packed else text
    bucket.objects["results/day=1/events.ndjson.zst"] = b"an earlier one comes first"
    ended = online("migrate", "--from", "s3://results/day=1", "--json", "--no-verify", "--skip-checks", "all")
    assert ended.code == 0, ended.err
    assert {each["pending"] for each in json.loads(ended.out)["kinds"].values()} == {0}
    again = online("migrate", "--from", "s3://results/day=1/", "--json", "--skip-checks", "all")
    assert json.loads(again.out)["kinds"]["customers"]["requests"] == 1


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("s3://results/nothing", "there is no export in this directory"),
        ("https://a.test/export", "https:// cannot be listed"),
        ("ftp://a.test/export", "ftp:// is not read"),
    ],
)
def test_a_folder_without_exports_is_refused(command, bucket, place, says):
    """Exit code 2."""
    ended = command("plan", "--from", place)
    assert (ended.code, says in ended.err) == (2, True)
