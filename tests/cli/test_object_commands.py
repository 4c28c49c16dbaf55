"""Commands that follow a migration find its exports at their URLs again, although they are given no name."""

import gzip
import json
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from masivo_stream.sandbox import SandboxOptions, parse_fault, parse_limits, running

KINDS = ("customers", "events", "transactions")
LONG_AGO = "2000-01-01T00:00:00Z"


@pytest.fixture
def account(command, monkeypatch):
    """Return a function that runs commands with an account of the test's own, whose first transactions get lost."""
    fault = parse_fault("status=503,applied=no,on=transactions,times=1")
    options = SandboxOptions(limits=parse_limits("none"), visible_after=0.0, faults=(fault,))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running(options)) as served:
        monkeypatch.setenv("MASIVO_API_KEY", served.api_key)
        monkeypatch.setenv("MASIVO_BASE_URL", served.url)
        monkeypatch.setenv("MASIVO_LIMIT", "none")
        yield command


def put_two_parts(bucket, command, directory, records):
    """Put half of the customers with all that is theirs into a bucket, and the rest, compressed, beside it."""
    for kind in KINDS:
        command("generate", kind, "--records", records, "--seed", 4711, "-o", f"{kind}.ndjson")
    whole = {kind: (directory / f"{kind}.ndjson").read_bytes().splitlines(keepends=True) for kind in KINDS}
    half = {json.loads(line)["id"] for line in whole["customers"][: records // 2]}
    for kind, lines in whole.items():
        first = [line for line in lines if json.loads(line)["id"] in half]
        rest = [line for line in lines if json.loads(line)["id"] not in half]
        bucket.objects[f"exports/1/{kind}.ndjson"] = b"".join(first)
        bucket.objects[f"exports/2/{kind}.gz"] = gzip.compress(b"".join(rest))


def pending(status):
    return {kind: figures["pending"] for kind, figures in json.loads(status.out)["kinds"].items()}


def test_doubts_are_resolved_and_a_part_is_taken_back_and_sent_again(account, bucket, tmp_path):
    """The exports of the run are objects all the time; in the end all that is in them is in the account."""
    put_two_parts(bucket, account, tmp_path, 8)
    first = [part for kind in KINDS for part in (f"--{kind}", f"s3://exports/1/{kind}*")]
    both = [part for kind in KINDS for part in (f"--{kind}", f"s3://exports/?/{kind}*")]

    assert account("migrate", *first, "--quiet").code == 4
    assert account("status").code == 4
    shown = account("resolve")
    assert "s3://exports/1/transactions.ndjson, lines 1 to 4" in shown.out
    text = bucket.objects["exports/1/transactions.ndjson"]
    bucket.objects["exports/1/transactions.ndjson"] = text[::-1]
    refused = account("resolve", "--resend", "all", "--reason", "lost", "--yes")
    assert (refused.code, "something changed in its first" in refused.err) == (5, True)
    bucket.objects["exports/1/transactions.ndjson"] = text
    assert account("resolve", "--resend", "all", "--reason", "lost", "--yes").code == 0

    time.sleep(0.1)
    between = datetime.now(UTC).isoformat(timespec="milliseconds")
    time.sleep(0.1)
    assert account("migrate", *both, "--quiet").code == 0
    for verify in (("--all",), ("--totals",)):
        assert account("verify", *verify).code == 0

    reverted = account("revert", "--from", LONG_AGO, "--to", between, "--yes", "--json")
    assert json.loads(reverted.out)["reverted"]["customers"] == 4
    (told,) = [part for part in json.loads(reverted.out)["hint"].split("; or ") if "--only-missing" in part]
    again = shlex.split(told[told.index("masivo-stream migrate") :])[1:]
    assert "s3://exports/?/customers*" in again
    assert account("status").code == 2
    assert account("verify", "--all").code == 2
    assert account(*again, "--quiet").code == 0
    for verify in (("--all",), ("--totals",)):
        assert account("verify", *verify).code == 0
    assert pending(account("status", "--json")) == dict.fromkeys(KINDS, 0)


@pytest.mark.parametrize("name", ["retry", "verify"])
def test_an_object_that_is_elsewhere_is_named(name, online, bucket, customers):
    """The command says how; `migrate` notes the place, so the next command finds it by itself."""
    text = Path(customers).read_bytes()
    bucket.objects["exports/a"] = text + b"{}\n"
    assert online("migrate", "--customers", "s3://exports/a", "--quiet").code == 3
    bucket.objects["exports/b c"] = bucket.objects.pop("exports/a")
    moved = ("--moved", "s3://exports/a=s3://exports/b c")
    code = {"retry": 3, "verify": 0}[name]
    ended = online(name)
    assert ended.code == 5
    assert "add --moved s3://exports/a=URL" in " ".join((ended.err + ended.out).split())
    assert online(name, *moved).code == code
    assert online("migrate", "--customers", "s3://exports/b*", "--quiet").code == 3
    assert online(name).code == code


def test_a_signature_that_has_expired_is_renewed(online, bucket, customers):
    """By a word to a command that takes no exports; the signature is not noted, and not shown."""
    bucket.objects["exports/a"] = Path(customers).read_bytes() + b"{}\n"

    def sign(handler):
        bucket.always = "" if "?sig=good" in handler.path or handler.command == "PUT" else "403"

    bucket.before = sign
    url = f"{bucket.url}/exports/a"
    assert online("migrate", "--customers", f"{url}?sig=good-1", "--quiet").code == 3
    ended = online("retry")
    assert ended.code == 5
    assert f"add --moved {url}=URL" in ended.err
    assert online("retry", "--moved", f"{url}={url}?sig=bad").code == 5
    ended = online("retry", "--moved", f"{url}={url}?sig=good-2")
    assert ended.code == 3
    assert "good-" not in ended.out + ended.err
    assert online("verify", "--all", "--moved", f"{url}={url}?sig=good-3").code == 0
