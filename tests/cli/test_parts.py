"""Commands with exports that are divided into parts: in a directory, and in object storage."""

import json
import os

import msgspec
import pytest
from fakes import record
from object_server import credentials, serving

from masivo_stream.flow.exports import Exports
from masivo_stream.flow.parts.make_part import answer_name, ask_for_part, make_part
from masivo_stream.model.contract import Kind
from masivo_stream.model.settings import RetrySettings, Settings


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MASIVO_SHARED_DIR", str(tmp_path / "shared"))
    with serving() as found:
        for name, value in credentials(found.url).items():
            monkeypatch.setenv(name, value)
        yield found


def lines(kind, numbers, name):
    """Return lines of customers of one test; some are wrong, some come twice, one is of an unknown customer."""
    found = []
    for number in numbers:
        each = {**record(kind, number), "id": f"{name}-{number}"}
        if kind is Kind.CUSTOMERS:
            each |= {"email": f"{name}.{number}@example.com", **({"email": 7} if number % 10 == 9 else {})}
        found.append(json.dumps(each).encode() + b"\n")
    return b"".join([*found, found[1]])


def exports(directory, name):
    """Write exports of customers and events; return the flags that name them."""
    (directory / "c.ndjson").write_bytes(lines(Kind.CUSTOMERS, range(40), name))
    (directory / "e.ndjson").write_bytes(lines(Kind.EVENTS, range(45), name))
    return ["--customers", "c.ndjson", "--events", "e.ndjson"]


def timeless(directory):
    """Return the dead letters in a state directory, without the time at which they were written."""
    found = {}
    for path in sorted(directory.glob("dead-letter.*")):
        found[path.name] = [json.loads(line) | {"at": "", "batch": ""} for line in path.read_bytes().splitlines()]
    return found


def test_a_migration_takes_parts_up(online, tmp_path):
    """Findings and dead letters are those of one process. When the run goes on, the answers may be gone."""
    named = exports(tmp_path, "divided")
    planned = online("plan", *named, "--state-dir", "planned", "--json")
    for part in (1, 2, 3):
        done = online("validate", *named, "--part", f"{part}/3", "--out", "parts", "--json")
        assert (done.code, json.loads(done.out)["part"]) == (0, part), done.err
    by_parts = online("plan", *named, "--parts", "parts", "--state-dir", "by-parts", "--json")
    sent = online("migrate", *named, "--parts", "parts", "--json")
    assert (planned.code, by_parts.code, sent.code) == (3, 3, 3)
    plans = [json.loads(each.out) for each in (planned, by_parts)]
    assert [each["requests"] for each in plans] == [2, 2]
    assert plans[0]["summary"]["checks"] == plans[1]["summary"]["checks"]
    wanted = timeless(tmp_path / "planned")
    assert sum(map(len, wanted.values())) == 15
    assert timeless(tmp_path / "by-parts") == wanted == timeless(tmp_path / "masivo-state")
    for path in (tmp_path / "parts").iterdir():
        path.unlink()
    again = online("migrate", *named, "--parts", "parts", "--json")
    assert again.code == 3, again.err
    assert online("validate", *named, "--parts", "parts").code == 2


def test_a_migration_without_all_parts_sends_nothing(online, tmp_path):
    """And leaves nothing that would ask for these exports the next time."""
    named = exports(tmp_path, "lacking")
    online("validate", *named, "--part", "1/2", "--out", "parts")
    refused = online("migrate", *named, "--parts", "parts")
    assert refused.code == 2
    assert "1 of 2 parts is missing: 2" in refused.err
    assert "--part 2/2 --out parts" in refused.err
    (tmp_path / "e.ndjson").unlink()
    assert online("migrate", "--customers", "c.ndjson").code == 3


def test_parts_and_exports_may_be_in_object_storage(command, bucket, tmp_path):
    """The answers, too; they are written once, and another part of the bucket does not matter."""
    bucket.objects["exports/c/1.ndjson"] = lines(Kind.CUSTOMERS, range(30), "remote")
    bucket.objects["exports/c/2.ndjson"] = lines(Kind.CUSTOMERS, range(30, 40), "remote")
    bucket.objects["results/parts/readme.txt"] = b"other"
    named, place = ["--customers", "s3://exports/c/*.ndjson"], "s3://results/parts"
    assert "there is no answer" in command("plan", *named, "--parts", place).err
    for part in (1, 2):
        done = command("validate", *named, "--part", f"{part}/2", "--out", place)
        assert done.code == 0, done.err
        assert f"part {part} of 2: " in done.out
        assert f"{place}/part-0000{part}-of-00002." in done.out.replace("\n", "")
    inputs = Exports(customers=named[1:]).find(RetrySettings())
    asked = ask_for_part(inputs, Settings(), 2, 2)
    assert make_part(msgspec.msgpack.encode(asked)) == bucket.objects[f"results/parts/{answer_name(asked)}"]
    assert "was there already" in command("validate", *named, "--part", "2/2", "--out", place).out.replace("\n", " ")
    found = [command("plan", *named, "--json", *more) for more in ([], ["--parts", place])]
    assert [each.code for each in found] == [3, 3], found[1].err
    one, several = (json.loads(each.out) for each in found)
    assert one["summary"]["checks"] == several["summary"]["checks"]
    assert one["summary"]["kinds"]["customers"]["reasons"] == several["summary"]["kinds"]["customers"]["reasons"]
    (name,) = [key for key in bucket.objects if "part-00001" in key]
    bucket.objects[name] = bucket.objects[name][:-9]
    assert "1 of 2 parts is missing (1 damaged): 1" in command("plan", *named, "--parts", place).err


CHANGES = {"an email": (b".205@", b".999@"), "an id": (b'-205",', b'-20",X'), "two lines": (b"}\n{", b"}\r{")}


@pytest.mark.parametrize(("old", "new"), CHANGES.values(), ids=CHANGES)
def test_a_migration_compares_every_byte_with_what_was_validated(old, new, online, tmp_path):
    """The export changed between its samples: nothing is sent. Restored, all of it is."""
    content = lines(Kind.CUSTOMERS, [number for number in range(400) if number % 10 != 9], f"between{new[-2]}")
    content = content.replace(b', "email"', b"," + b" " * 3000 + b'"email"')
    at = content.index(old, content.index(b'-203"'))
    (tmp_path / "c.ndjson").write_bytes(content)
    assert online("validate", "--customers", "c.ndjson", "--part", "1/2", "--out", "parts").code == 0
    assert online("validate", "--customers", "c.ndjson", "--part", "2/2", "--out", "parts").code == 0
    command = ("migrate", "--customers", "c.ndjson", "--parts", "parts", "--json")
    (tmp_path / "c.ndjson").write_bytes(content[:at] + new + content[at + len(old) :])
    for _ in range(2):
        refused = online(*command)
        assert (refused.code, json.loads(refused.out)["kinds"]) == (5, {}), refused.out
        assert "not the one of which there are answers of parts" in refused.out
    (tmp_path / "c.ndjson").write_bytes(content)
    sent = json.loads(online(*command).out)
    assert sent["kinds"]["customers"]["accepted"] == 360, sent["kinds"]


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_place_that_answers_cannot_be_written_to_is_named_as_that(status, command, bucket, tmp_path):
    """It is the place of the answer, not the export, and the command is wrong: exit code 2."""
    named = exports(tmp_path, "nowhere")
    bucket.always = status
    done = command("validate", *named, "--part", "1/2", "--out", "s3://nobucket/parts")
    assert done.code == 2, done.err
    assert "the answer cannot be written there" in done.err
    assert "while: write the answer" in done.err
    assert "create the bucket, or correct --out" in done.err


def test_a_signature_is_not_shown_and_not_left_out_silently(command, bucket, tmp_path):
    """The command that makes a part names the export without it, and says so."""
    bucket.objects["exports/c.ndjson"] = lines(Kind.CUSTOMERS, range(30), "signed")
    url = f"{bucket.url}/exports/c.ndjson?X-Amz-Signature=secret"
    assert command("validate", "--customers", url, "--part", "1/2", "--out", "parts").code == 0
    done = command("plan", "--customers", url, "--parts", "parts")
    assert done.code == 2, done.err
    assert f"--customers '{bucket.url}/exports/c.ndjson?***' --part 2/2" in done.err.replace("\n", "")
    assert "*** is a signature, which is not shown" in done.err
    assert "secret" not in done.err


def test_a_line_with_several_purchases_that_were_sent_is_found_once(online, monkeypatch, tmp_path):
    """The count is of purchases; the place of each would be the same."""
    monkeypatch.setenv("MASIVO_SHARED_DIR", str(tmp_path / "shared"))
    found = record(Kind.EVENTS, 1, id="customer-of-several")
    (event,) = found["events"]
    found["events"] = [{**event, "order": {**event["order"], "purchase_id": f"several-{n}"}} for n in range(3)]
    (tmp_path / "c.ndjson").write_text(json.dumps(record(Kind.CUSTOMERS, 1, id=found["id"])) + "\n")
    (tmp_path / "e.ndjson").write_text(json.dumps(found) + "\n")
    assert online("migrate", "--customers", "c.ndjson", "--events", "e.ndjson", "--quiet").code == 0
    (tmp_path / "e.ndjson").write_text(json.dumps({**found, "remark": 1}) + "\n")
    again = online("validate", "--events", "e.ndjson", "--state-dir", "other", "--json")
    results = [each for each in json.loads(again.out)["checks"]["results"] if each["check"].endswith("sent_before")]
    assert [(each["count"], len(each["first"])) for each in results] == [(3, 1)]
