"""Every command with exports in object storage: the same results as with files, and nothing secret left behind."""

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zstandard
from fakes import record

from masivo_stream.model.contract import Kind

SECRETS = ("SECRET-OF-THE-ENVIRONMENT", "AKIA-TEST", "SECRET-IN-AN-ANSWER", "S3CR3T")


@pytest.fixture
def lines(request):
    """Return a function that makes lines of records which no other test sends."""

    def make(kind, start, end, **fields):
        found = []
        for number in range(start, end):
            each = {**record(kind, number), "id": f"{request.node.name}-{number}", **fields}
            if kind is Kind.CUSTOMERS:
                each["email"] = f"c{number}.{abs(hash(request.node.name))}@example.com"
            found.append(json.dumps(each).encode() + b"\n")
        return b"".join(found)

    return make


def figures(ended, kind="customers"):
    return json.loads(ended.out)["kinds"][kind]


def everything_written(tmp_path, *ended):
    """Return all bytes of all files below a directory, and what commands have printed."""
    files = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    return files + "".join(each.out + each.err for each in ended).encode()


def first_byte(handler):
    """Return where a request begins to read."""
    return int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])


def correct(tmp_path, line):
    """Put a line into the only dead letter."""
    letters = tmp_path / "masivo-state/dead-letter.customers.ndjson"
    (letter,) = letters.read_bytes().splitlines()
    letters.write_bytes(json.dumps({**json.loads(letter), "raw": line.decode().strip()}).encode() + b"\n")
    return letters


# A whole migration.


def test_a_migration_reads_objects_of_every_form(online, bucket, lines, tmp_path):
    """Patterns, gzip and zstandard, and a file on disk beside them; every command after it finds them again."""
    bucket.objects["exports/c/1.ndjson"] = lines(Kind.CUSTOMERS, 0, 30)
    bucket.objects["exports/c/2.ndjson.gz"] = gzip.compress(lines(Kind.CUSTOMERS, 30, 50))
    bucket.objects["exports/c/3.ndjson.zst"] = zstandard.compress(lines(Kind.CUSTOMERS, 50, 60))
    (tmp_path / "4.ndjson").write_bytes(lines(Kind.CUSTOMERS, 60, 70) + b'{"id": ""}\n')
    bucket.objects["exports/e.ndjson"] = lines(Kind.EVENTS, 0, 70)
    exports = ["--customers", "s3://exports/c/*", "4.ndjson", "--events", "s3://exports/e.ndjson"]
    planned, validated = online("plan", *exports, "--json"), online("validate", *exports, "--json", "--state-dir", "v")
    assert json.loads(planned.out)["records"] == 140
    assert (validated.code, figures(validated)["pending"]) == (3, 70)
    ended = online("migrate", *exports, "--json")
    assert (ended.code, figures(ended)["accepted"], figures(ended, "events")["accepted"]) == (3, 70, 70)
    checked = online("check", *exports, "--json")
    verified = online("verify", "--all", "--json")
    assert json.loads(verified.out)["kinds"]["customers"]["confirmed"] == 70
    again = online("migrate", *exports, "--json")
    assert (again.code, figures(again)["accepted"], figures(again)["requests"]) == (3, 70, figures(ended)["requests"])
    correct(tmp_path, lines(Kind.CUSTOMERS, 70, 71))
    retried = online("retry", "--json")
    assert (retried.code, figures(retried)["accepted"]) == (0, 71)
    report = online("report", "--json")
    names = [each["name"] for each in json.loads(report.out)["inputs"]]
    assert names[:3] == [f"s3://exports/c/{name}" for name in ("1.ndjson", "2.ndjson.gz", "3.ndjson.zst")]
    everything = everything_written(tmp_path, planned, validated, ended, checked, verified, again, retried, report)
    assert not [secret for secret in SECRETS if secret.encode() in everything]


def test_a_canary_and_totals_read_objects(online, bucket, tmp_path):
    """Both read exports beside the run: before it, and after it."""
    for kind in ("customers", "transactions"):
        assert online("generate", kind, "--records", 40, "--seed", 4711, "-o", f"{kind}.ndjson").code == 0
        bucket.objects[f"exports/{kind}.gz"] = gzip.compress((tmp_path / f"{kind}.ndjson").read_bytes())
    exports = ["--customers", "s3://exports/customers.gz", "--transactions", "s3://exports/transactions.gz"]
    ended = online("migrate", *exports, "--canary", "--json")
    assert (ended.code, json.loads(ended.out)["canary"]["passed"]) == (0, True)
    assert online("verify", "--totals").code == 0


def test_several_processes_validate_what_comes_from_objects(command, bucket, lines):
    """They get lines, wherever these are from; the result is that of one process."""
    text = lines(Kind.CUSTOMERS, 0, 400, note="x" * 60_000)
    bucket.objects["exports/a"] = text + b"broken\n" + text[:100] + b"\n"
    alone = command("validate", "--customers", "s3://exports/a", "--json", "--workers", 1, "--state-dir", "one")
    several = command("validate", "--customers", "s3://exports/a", "--json", "--workers", 2, "--state-dir", "two")
    assert (alone.code, several.code) == (3, 3)
    assert figures(several) | {"seconds": 0} == figures(alone) | {"seconds": 0}
    assert figures(alone)["dead"] == 2


def test_what_files_together_show_is_found_in_objects_too(command, bucket, lines):
    """Suspicions are confirmed by reading lines again, here and there: an id on two lines of two objects."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 50)
    bucket.objects["exports/b.gz"] = gzip.compress(lines(Kind.CUSTOMERS, 90, 100) + lines(Kind.CUSTOMERS, 40, 41))
    bucket.objects["exports/c"] = lines(Kind.CUSTOMERS, 100, 120) + lines(Kind.CUSTOMERS, 7, 8)
    names = ["s3://exports/a", "s3://exports/b.gz", "s3://exports/c"]
    found = json.loads(command("validate", "--customers", *names, "--json").out)
    (check,) = [each for each in found["checks"]["results"] if each["check"] == "duplicate_id"]
    assert check["count"] == 2
    assert {each["file"] for each in check["first"]} == {"s3://exports/b.gz", "s3://exports/c"}


def test_a_copy_among_the_exports_is_found(command, bucket, lines, tmp_path):
    """As an object and as a file, compressed and not."""
    text = lines(Kind.CUSTOMERS, 0, 50)
    bucket.objects["exports/a"] = text
    bucket.objects["exports/b"] = gzip.compress(text)
    (tmp_path / "c.ndjson").write_bytes(text)
    for names in (["s3://exports/a", "s3://exports/b"], ["s3://exports/a", "c.ndjson"]):
        ended = command("validate", "--customers", *names)
        assert ended.code == 2
        assert "holds the same records as" in ended.err


def test_what_is_no_export_is_refused_before_anything_is_sent(online, bucket):
    """With what it is; the message for a file on disk says how to make an export of it."""
    bucket.objects["exports/a"] = b"id,name\n1,Ana\n2,Eva\n"
    ended = online("migrate", "--customers", "s3://exports/a")
    assert ended.code == 5
    assert "CSV" in ended.err
    assert "write it to a file and name that file" in ended.err


def test_an_account_receives_an_object_once(online, bucket, lines, tmp_path):
    """Also if it is a file by now, or at another URL."""
    text = lines(Kind.CUSTOMERS, 0, 20)
    bucket.objects["exports/a"] = text
    assert online("migrate", "--customers", "s3://exports/a").code == 0
    bucket.objects["other/b"] = text + lines(Kind.CUSTOMERS, 20, 22)
    (tmp_path / "c.ndjson").write_bytes(text)
    for name in ("s3://other/b", "c.ndjson"):
        ended = online("migrate", "--customers", name, "--state-dir", "second")
        assert ended.code == 2
        assert "already has this export" in ended.err
    bucket.objects["other/b"] = text + lines(Kind.CUSTOMERS, 20, 22)
    ended = online("migrate", "--customers", "s3://other/b", "--state-dir", "second")
    assert "write the missing lines to a further object beside s3://exports/a" in " ".join(ended.err.split())


# What a server does.


def test_a_migration_through_throttling_and_broken_connections_is_complete(online, bucket, lines, tmp_path):
    """Each wait is in the log."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 200)
    faults = ["503", "reset", "", "wrong-length", "503", "short", "500", "other-range", "slow"] * 4
    bucket.faults.extend(["", *faults])
    ended = online("migrate", "--customers", "s3://exports/a", "--json", "--log-format", "json")
    assert (ended.code, figures(ended)["accepted"]) == (0, 200)
    events = [json.loads(line) for line in ended.err.splitlines() if "object_awaited" in line]
    assert {each["url"] for each in events} == {"s3://exports/a"}
    assert "SECRET" not in ended.err


@pytest.mark.parametrize("name", ["validate", "plan", "migrate"])
def test_a_wait_before_a_run_is_in_the_log(online, bucket, lines, name):
    """A minute of silence looks like a hang. Each wait is a line, also of commands that send nothing."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 3)
    bucket.faults.extend(["503", "500"])
    ended = online(name, "--customers", "s3://exports/a")
    events = [json.loads(line) for line in ended.err.splitlines() if "object_awaited" in line]
    assert [(each["url"], each["why"]) for each in events] == [
        ("s3://exports/a", "503 SlowDown"),
        ("s3://exports/a", "500 InternalError"),
    ]
    assert ended.code == 0


def test_an_outage_stops_the_run_and_the_same_command_goes_on(online, bucket, lines):
    """Exit code 6, with everything before it delivered or pending; later it continues."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 200, note="x" * 60_000)

    def fail_later(handler):
        bucket.always = "503" if first_byte(handler) > 8_000_000 else ""

    bucket.before = fail_later
    arguments = ["migrate", "--customers", "s3://exports/a", "--json", "--skip-checks", "all", "--outage-limit", "0.3"]
    ended = online(*arguments)
    assert ended.code == 6
    assert "object storage does not answer: 503 SlowDown" in json.loads(ended.out)["message"]
    assert 0 < figures(ended)["read"] == figures(ended)["accepted"] < 200
    bucket.before, bucket.always = None, ""
    bucket.seen.clear()
    ended = online(*arguments)
    assert (ended.code, figures(ended)["accepted"]) == (0, 200)
    asked = [found.removeprefix("bytes=").split("-") for found in bucket.ranges_of("a")]
    assert sum(int(last) - int(first) for first, last in asked) < 6_000_000  # it does not begin at the beginning


def test_an_outage_during_the_checks_stops_the_run(online, bucket, lines):
    """Exit code 6 before anything is sent: an export that could not be checked might be readable again later."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 200, note="x" * 60_000)

    def fail_once(handler):
        if first_byte(handler) > 8_000_000:
            bucket.always = "503"
        elif len(bucket.ranges_of("a")) > 6:
            bucket.always = ""

    bucket.before = fail_once
    ended = online("migrate", "--customers", "s3://exports/a", "--json", "--outage-limit", "0.3")
    assert ended.code == 6
    assert json.loads(ended.out)["kinds"].get("customers", {"accepted": 0})["accepted"] == 0


@pytest.mark.parametrize("etag", ["of content", "of writing"])
def test_an_object_that_is_replaced_in_the_middle_stops_the_run(online, bucket, lines, etag):
    """Exit code 5. The hint is followed: with the object as it was, the same command completes; nothing goes twice.

    Some services give an object another ETag each time it is written, although its content is the same.
    """
    first, other = lines(Kind.CUSTOMERS, 0, 200, note="x" * 60_000), lines(Kind.CUSTOMERS, 500, 701)
    if etag == "of writing":
        bucket.etag_of = lambda body: f'"{id(body)}"'
    bucket.objects["exports/a"] = first
    arguments = ["migrate", "--customers", "s3://exports/a", "--json", "--skip-checks", "all"]

    def replace(handler):
        if first_byte(handler) > 8_000_000:
            bucket.objects["exports/a"] = other

    bucket.before = replace
    ended = online(*arguments)
    summary = json.loads(ended.out)
    assert ended.code == 5
    assert "the object was replaced" in summary["message"]
    assert summary["hint"].startswith("put the object back as it was, then start the same command again")
    bucket.before = None
    refused = online(*arguments)
    assert refused.code == 5
    assert "nothing is appended to an object, so this is a new export" in refused.err
    bucket.objects["exports/a"] = bytes(bytearray(first))  # the same bytes, written again
    bucket.objects["exports/b"] = other
    ended = online(*arguments[:3], "s3://exports/b", *arguments[3:])
    assert (ended.code, figures(ended)["accepted"]) == (0, 401)


def test_an_object_that_has_grown_is_a_new_export(online, bucket, lines):
    """A file may grow; an object is another one then, and that is said."""
    text = lines(Kind.CUSTOMERS, 0, 20)
    bucket.objects["exports/a"] = text
    assert online("migrate", "--customers", "s3://exports/a").code == 0
    bucket.objects["exports/a"] = text + lines(Kind.CUSTOMERS, 20, 25)
    ended = online("migrate", "--customers", "s3://exports/a")
    assert ended.code == 5
    assert "nothing is appended to an object, so this is a new export" in " ".join(ended.err.split())
    bucket.objects["exports/a"] = text
    bucket.objects["exports/b"] = lines(Kind.CUSTOMERS, 20, 25)
    ended = online("migrate", "--customers", "s3://exports/a", "s3://exports/b", "--json")
    assert (ended.code, figures(ended)["accepted"]) == (0, 25)


def test_an_export_moves_between_disk_and_object_storage(online, bucket, lines, tmp_path):
    """It is recognised by its content, also when it is compressed on the way."""
    text = lines(Kind.CUSTOMERS, 0, 20) + b'{"id":'
    (tmp_path / "a.ndjson").write_bytes(text)
    assert online("migrate", "--customers", "a.ndjson").code == 5
    whole = text[: text.rindex(b"{")] + lines(Kind.CUSTOMERS, 20, 21)
    bucket.objects["exports/a.gz"] = gzip.compress(whole)
    ended = online("migrate", "--customers", "s3://exports/a.gz", "--json")
    assert (ended.code, figures(ended)["accepted"]) == (0, 21)
    (tmp_path / "b.ndjson").write_bytes(whole)
    ended = online("migrate", "--customers", "b.ndjson", "--json")
    assert (ended.code, figures(ended)["accepted"]) == (0, 21)


def test_an_object_that_ends_within_a_line(online, bucket, lines):
    """The hint is followed: the finished export at another URL is recognised, and the rest is sent."""
    text = lines(Kind.CUSTOMERS, 0, 20)
    bucket.objects["exports/a"] = text[:-5]
    ended = online("migrate", "--customers", "s3://exports/a", "--json")
    assert (ended.code, figures(ended)["accepted"]) == (5, 19)
    assert "write it to a further object, and name that one instead" in json.loads(ended.out)["hint"]
    bucket.objects["exports/b"] = text
    ended = online("migrate", "--customers", "s3://exports/b", "--json")
    assert (ended.code, figures(ended)["accepted"]) == (0, 20)


def test_a_presigned_url_is_in_no_file_and_no_message(online, bucket, lines, tmp_path):
    """A renewed one continues the run; the steps that are shown have no signature."""
    bucket.objects["exports/a.ndjson"] = lines(Kind.CUSTOMERS, 0, 20) + b"{}\n"
    url = f"{bucket.url}/exports/a.ndjson"
    ended = online("migrate", "--customers", f"{url}?X-Amz-Signature=S3CR3T1", "--json", "--log-format", "json")
    assert (ended.code, figures(ended)["accepted"]) == (3, 20)
    again = online("migrate", "--customers", f"{url}?X-Amz-Signature=S3CR3T2", "--json")
    assert (again.code, figures(again)["accepted"]) == (3, 20)
    retried = online("retry", "--json", "--moved", f"{url}={url}?X-Amz-Signature=S3CR3T3")
    wrong = online("retry", "--json", "--moved", f"{url}?X-Amz-Signature=S3CR3T3")
    bucket.always = "403"
    denied = online("migrate", "--customers", f"{url}?X-Amz-Signature=S3CR3T4", "--json")
    assert (retried.code, wrong.code, denied.code) == (3, 2, 5)
    everything = everything_written(tmp_path, ended, again, retried, wrong, denied)
    assert not [secret for secret in SECRETS if secret.encode() in everything]
    assert {path.rpartition("=")[2] for _, path, *_ in bucket.seen} == {f"S3CR3T{number}" for number in (1, 2, 3, 4)}


@pytest.mark.parametrize("reads", [0, 1])
def test_a_signal_ends_a_run_whose_read_hangs(reads, bucket, lines, tmp_path):
    """At once, and in an orderly way, although the read itself ends only with its time."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 500)
    bucket.faults.extend([*[""] * reads, "hang", "hang"])
    argv = [sys.executable, "-m", "masivo_stream", "migrate", "--customers", "s3://exports/a", "--skip-checks", "all"]
    environment = {**os.environ, "MASIVO_API_KEY": "k", "MASIVO_BASE_URL": "http://127.0.0.1:9/v1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(argv, env=environment, cwd=tmp_path, **quiet) as run:
        while len(bucket.seen) <= reads:
            assert run.poll() is None
            time.sleep(0.02)
        began = time.monotonic()
        run.terminate()
        run.wait(100)
        assert run.returncode == 143
    assert time.monotonic() - began < 60  # on a busy machine; the read would take 120 s


# Publishing.


def test_results_are_published(online, bucket, lines, tmp_path):
    """Dead letters, lists of skipped records and the report; an earlier copy is replaced."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 20) + b"{}\n"
    arguments = ["migrate", "--customers", "s3://exports/a", "--publish", "s3://results/runs/1/", "--json"]
    ended = online(*arguments)
    assert (ended.code, json.loads(ended.out)["published"]) == (3, "s3://results/runs/1/")
    published = {key for key in bucket.objects if key.startswith("results/")}
    files = ("dead-letter.customers.ndjson", "report.html", "report.json")
    assert published >= {f"results/runs/1/{name}" for name in files}
    for key in published:
        assert bucket.objects[key] == (tmp_path / "masivo-state" / key.rpartition("/")[2]).read_bytes()
    letters = tmp_path / "masivo-state/dead-letter.customers.ndjson"
    letters.write_bytes(
        letters.read_bytes().replace(b'"{}"', json.dumps(lines(Kind.CUSTOMERS, 20, 21).decode()).encode())
    )
    ended = online("retry", "--publish", "s3://results/runs/1", "--json")
    assert (ended.code, figures(ended)["accepted"]) == (0, 21)
    assert bucket.objects["results/runs/1/dead-letter.customers.ndjson"] == letters.read_bytes() == b""
    shown = online("migrate", "--customers", "s3://exports/a", "--publish", "s3://results/runs/1")
    assert "published: s3://results/runs/1" in shown.out


def test_results_that_cannot_be_published_do_not_change_what_was_delivered(online, bucket, lines):
    """Exit code 6. The step is followed: the same command sends nothing twice, and publishes."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 20)
    arguments = ["migrate", "--customers", "s3://exports/a", "--publish", "s3://results", "--json"]
    bucket.deny_writes = True
    ended = online(*arguments)
    summary = json.loads(ended.out)
    assert (ended.code, summary["outcome"], figures(ended)["accepted"]) == (6, "complete", 20)
    assert summary["published"] == ""
    assert any("the results are not published: s3://results/" in warning for warning in summary["warnings"])
    first, second = summary["next_steps"][:2]
    assert first == {"text": "allow these credentials to put objects there, or name another bucket", "command": ""}
    assert second["text"].startswith("start the same command again")
    bucket.deny_writes = False
    ended = online(*arguments)
    assert (ended.code, figures(ended)["accepted"]) == (0, 20)
    assert "results/report.html" in bucket.objects


def test_a_step_is_not_shown_twice(online, bucket, lines):
    """The command that continues the run publishes, too."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 20)
    bucket.objects["exports/b"] = lines(Kind.EVENTS, 0, 1) + b'{"id":'
    bucket.put_faults.append("404")
    named = ["--customers", "s3://exports/a", "--events", "s3://exports/b"]
    ended = online("migrate", *named, "--publish", "s3://none", "--skip-checks", "all", "--json")
    steps = json.loads(ended.out)["next_steps"]
    assert (ended.code, steps[0]["text"]) == (5, "create the bucket, or name another one")
    commands = [step["command"] for step in steps if step["command"]]
    assert len(commands) == len(set(commands)) > 0


def test_publishing_is_repeated_while_the_server_is_busy(online, bucket, lines):
    """As reading is."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 5)
    bucket.put_faults.extend(["503", "500", "", "503"])
    ended = online("migrate", "--customers", "s3://exports/a", "--publish", "s3://results", "--json")
    assert ended.code == 0
    assert "results/report.json" in bucket.objects


@pytest.mark.parametrize("folder", ["s3://exports", "s3://exports/c/", "s3://exports/c/d"])
def test_results_are_not_published_among_the_exports(online, bucket, lines, folder):
    """The next time they would be exports."""
    bucket.objects["exports/c/1.ndjson"] = lines(Kind.CUSTOMERS, 0, 3)
    named = ["migrate", "--customers", "s3://exports/**/*.ndjson"]
    ended = online(*named, "--publish", folder)
    assert ended.code == 2
    assert "publish to another folder or bucket" in ended.err
    ended = online("migrate", "--customers", "s3://exports/c/*.ndjson", "--publish", "s3://exports/results")
    assert ended.code == 0


@pytest.mark.parametrize("place", ["s3://results/a//b", "s3://results//", "s3://results/../b", "s3://b?/a"])
def test_results_are_not_published_to_a_name_that_the_library_cannot_take(online, bucket, lines, place):
    """Exit code 2 before anything is sent: it would be a traceback after the run."""
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 3)
    ended = online("migrate", "--customers", "s3://exports/a", "--publish", place)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert {method for method, *_ in bucket.seen} <= {"GET"}


@pytest.mark.parametrize("place", ["results", "https://a.test/x", "s3://"])
def test_results_are_published_to_a_bucket_only(command, place):
    """Exit code 2, before anything happens."""
    ended = command("migrate", "--customers", "c.ndjson", "--publish", place)
    assert ended.code == 2
    assert "write s3://BUCKET/FOLDER" in ended.err


# What stays on this machine, and what is missing.


def test_settings_and_catalogue_may_be_objects(command, bucket, lines):
    """They are read once."""
    bucket.objects["exports/config.toml"] = b"[upload]\nmax_body_bytes = 2048\n"
    bucket.objects["exports/catalogue.json"] = b'{"rewards": [], "brands": [{"id": "andes"}]}'
    bucket.objects["exports/a"] = lines(Kind.CUSTOMERS, 0, 100)
    named = ["--customers", "s3://exports/a", "--json"]
    small = command(
        "plan", *named, "--config", "s3://exports/config.toml", "--catalogue", "s3://exports/catalogue.json"
    )
    usual = command("plan", *named)
    assert json.loads(small.out)["requests"] > json.loads(usual.out)["requests"]
    bucket.objects["exports/config.toml"] = b"[upload]\nworker = 2\n"
    ended = command("plan", *named, "--config", f"{bucket.url}/exports/config.toml?sig=S3CR3T")
    assert ended.code == 2
    assert f"{bucket.url}/exports/config.toml: [upload] worker" in ended.err
    assert "S3CR3T" not in ended.err
    assert command("plan", *named, "--config", "s3://exports/none.toml").code == 5


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["validate", "--customers", "c.ndjson", "--state-dir", "s3://results/state"], "--publish"),
        (["bench", "--customers", "s3://exports/a"], "download the exports"),
        (["report", "-o", "s3://results/page.html"], "migrate --publish"),
        (["generate", "customers", "--records", "1", "-o", "s3://results/c.ndjson"], "copy it when it is written"),
        (["demo", "--records", "1", "--directory", "s3://results/demo"], "copy it when it is written"),
        (["validate", "--customers", "ftp://a.test/x"], "s3://, gs://, az:// or https://"),
        (["validate", "--customers", "https://a.test/*.ndjson"], "cannot be listed"),
        (["validate", "--customers", "s3://exports//a"], "empty part (//)"),
        (["validate", "--from", "s3://exports/a//"], "empty part (//)"),
        (["validate", "--customers", "c.ndjson", "--part", "1/1", "--out", "s3://results/a/../p"], ". or .."),
        (["validate", "--customers", "c.ndjson", "--parts", "s3://results//p"], "empty part (//)"),
        (["prepare", "s3://shop/a/./mapping.toml", "-o", "export"], ". or .."),
    ],
)
def test_what_cannot_be_in_object_storage_is_refused(command, arguments, what):
    """Exit code 2, with what to do instead; no directory of that name is made."""
    Path("c.ndjson").write_bytes(b"{}\n")
    ended = command(*arguments)
    assert ended.code == 2
    assert what in ended.err
    assert not [path for path in Path().rglob("*") if ":" in path.name]


@pytest.mark.parametrize("flags", [["--customers", "s3://exports/a"], ["--config", "gs://exports/c.toml"]])
def test_without_the_extra_one_line_says_how_to_get_it(tmp_path, flags):
    """Nothing else needs it."""
    hidden = (
        "import sys; sys.modules['obstore'] = None; from masivo_stream.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    (tmp_path / "c.ndjson").write_bytes(b"")
    ended = subprocess.run(
        [sys.executable, "-c", hidden, "validate", *flags], capture_output=True, cwd=tmp_path, check=False, text=True
    )
    assert ended.returncode == 2
    assert "needs the extra `cloud`" in ended.stderr
    assert "pip install 'masivo-stream[cloud]'" in ended.stderr
    ended = subprocess.run(
        [sys.executable, "-c", hidden, "validate", "--customers", "c.ndjson"], cwd=tmp_path, check=False
    )
    assert ended.returncode == 0
