"""Answers that are not what they look like: the installed command against a sandbox that gives them."""

import json

import pytest
from end_to_end_tools import KINDS, expected_ledger, lines, run, serving

pytestmark = pytest.mark.slow

CLOUD = "server=cloudflare,ray=8f1-MAD"
WHO = "from a firewall or proxy (Server: cloudflare, CF-Ray: 8f1-MAD), not from the API"


def arrived(sandbox, kinds=KINDS):
    ledger = sandbox.ledger()
    return {kind: ledger[kind] for kind in kinds}


@pytest.mark.parametrize(
    "fault",
    [
        "status=200,applied=yes,body=object",
        "status=202,applied=yes,body=empty",
        "status=204,applied=yes",
    ],
)
def test_what_is_near_to_the_contract_is_accepted_with_a_warning(tmp_path, export, fault):
    """Counted in summary, report and status, once a kind, and everything has arrived."""
    directory = export(30)
    with serving(tmp_path, "--limits", "none", "--fault", fault) as sandbox:
        done = sandbox.migrate(directory)
        summary = json.loads(done.stdout)
        assert (done.returncode, summary["outcome"]) == (0, "complete")
        assert arrived(sandbox) == expected_ledger(directory)
    assert len(summary["warnings"]) == 3
    for kind, warning in zip(KINDS, summary["warnings"], strict=True):
        assert f"of {kind}" in warning
        assert f"status {fault[7:10]} instead of 201" in warning
    state = ("--state-dir", directory / "state", "--json")
    assert json.loads(run("status", *state).stdout)["warnings"] == summary["warnings"]
    assert json.loads(run("report", *state).stdout)["warnings"] == summary["warnings"]
    assert "instead of 201" in (directory / "state" / "report.html").read_text()
    shown = run("status", "--state-dir", directory / "state").stdout.decode()
    assert shown.count("instead of 201") == 3


@pytest.mark.parametrize("kind", ["events", "transactions"])
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("multistatus=2", "status 207 instead of 201"),
        ("status=200,body=error", "status 200 instead of 201"),
        ("status=200,body=errors,applied=yes", "status 200 instead of 201"),
        ("status=202,body=results,applied=yes", "status 202 instead of 201"),
        ("status=200,body=list", "status 200 instead of 201"),
        ("html,type=,server=portal", "200 from a firewall, proxy or login page (Server: portal), not from the API"),
        ("html,type=application/json", "not from the API"),
        ("html=203,type=text/plain", "not from the API"),
        ("status=200,body=text", "not from the API"),
    ],
)
def test_what_is_no_acceptance_is_in_doubt(tmp_path, export, kind, fault, why):
    """One batch of it, and it is held: listed with its reason, neither counted as accepted nor sent again."""
    directory = export(30, kinds=("customers", kind))
    with serving(tmp_path, "--limits", "none", "--fault", f"{fault},on={kind},at=1") as sandbox:
        done = sandbox.migrate(directory)
        found = json.loads(done.stdout)["kinds"][kind]
        assert (done.returncode, found["accepted"], found["in_doubt"]) == (4, 0, 30)
        assert sum(sandbox.get("/__sandbox/ledger")["requests"][kind].values()) == 1
        listed = run(
            "resolve", "--base-url", sandbox.url, "--limit", "none", "--state-dir", directory / "state", "--json",
            key=sandbox.key, MASIVO_EVENTS_SETTLE="0.3",
        )  # fmt: skip
    assert why in json.loads(listed.stdout)["in_doubt"][0]["why"]


@pytest.mark.parametrize(
    "fault", ["multistatus=2", "status=200,body=error", "html,type=", "status=200,body=list,applied=yes"]
)
def test_customers_are_repeated_a_few_times_and_arrive_when_it_is_over(tmp_path, export, fault):
    """A success that says nothing ends the run soon; the same command then sends them again, as its hint says."""
    directory = export(30, kinds=("customers",))
    with serving(tmp_path, "--limits", "none", "--fault", f"{fault},times=3") as sandbox:
        done = sandbox.migrate(directory, MASIVO_FIRST_DELAY="0.05")
        summary = json.loads(done.stdout)
        assert (done.returncode, summary["kinds"]["customers"]["accepted"]) == (7, 0)
        assert sandbox.get("/__sandbox/ledger")["requests"]["customers"].values().__iter__().__next__() == 3
        hint = "answers in its place" if "html" in fault else "customers are sent again"
        assert hint in summary["hint"]
        again = sandbox.migrate(directory, MASIVO_FIRST_DELAY="0.05")
        assert (again.returncode, json.loads(again.stdout)["outcome"]) == (0, "complete")
        assert set(sandbox.ledger()["customers"]) == set(expected_ledger(directory)["customers"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [403, 400])
def test_a_record_that_a_firewall_dislikes_is_one_dead_letter(tmp_path, export, kind, code):
    """All others arrive; its letter names the firewall, and `retry` sends it when the firewall lets it pass."""
    directory = export(60)
    path = directory / f"{kind}.ndjson"
    records = path.read_bytes().splitlines(keepends=True)
    records[17] = records[17].replace(b'{"id":', b'{"note":"1; DROP TABLE x","id":', 1)
    path.write_bytes(b"".join(records))
    port = tmp_path / "store"
    wall = f"firewall=DROP TABLE,code={code},{CLOUD}"
    with serving(tmp_path, "--limits", "none", "--store", port, "--fault", wall) as sandbox:
        done = sandbox.migrate(directory)
        summary = json.loads(done.stdout)
        assert (done.returncode, summary["outcome"]) == (3, "dead_letters"), summary["message"]
        letters = lines(directory / "state" / f"dead-letter.{kind}.ndjson")
        assert [(letter["line"], letter["reason"], letter["message"]) for letter in letters] == [
            (18, "refused", f"{code} {WHO}")
        ]
        assert b"sign in" not in (directory / "state" / f"dead-letter.{kind}.ndjson").read_bytes()
    base = ("--limit", "none", "--state-dir", directory / "state", "--json")
    with serving(tmp_path, "--limits", "none", "--store", port, "--port", sandbox.port) as healed:
        mended = run("retry", "--base-url", healed.url, *base, key=healed.key, MASIVO_FIRST_PROBE="0.1")
        assert mended.returncode == 0, mended.stdout
        assert arrived(healed) == expected_ledger(directory)


@pytest.mark.parametrize("body", ["page", "text"])
@pytest.mark.parametrize("code", [400, 403])
def test_a_firewall_that_lets_nothing_pass_stops_the_run(tmp_path, export, code, body):
    """Without a dead letter, without a word about the key; when it lets us pass, the same command sends everything."""
    directory = export(40)
    port = tmp_path / "store"
    wall = f"status={code},body={body},{CLOUD}"
    with serving(tmp_path, "--limits", "none", "--store", port, "--fault", wall) as sandbox:
        done = sandbox.migrate(directory)
        summary = json.loads(done.stdout)
        assert (done.returncode, summary["outcome"]) == (7, "stopped")
        assert f"{code} {WHO}" in summary["message"]
        assert "firewall" in summary["hint"]
        assert "key" not in summary["message"] + summary["hint"]
        figures = summary["kinds"]["customers"]
        assert (figures["accepted"], figures["dead"], figures["in_doubt"], figures["pending"]) == (0, 0, 0, 40)
        assert b"sign in" not in done.stdout + done.stderr
    with serving(tmp_path, "--limits", "none", "--store", port, "--port", sandbox.port) as healed:
        again = healed.migrate(directory)
        assert (again.returncode, json.loads(again.stdout)["outcome"]) == (0, "complete")
        assert arrived(healed) == expected_ledger(directory)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("status=403,body=page,on=auth", 7),
        ("status=401,body=page,on=auth", 7),
        ("status=200,body=page,type=,on=auth", 7),
        ("status=401,body=page", 7),
        ("status=404,body=page", 7),
        ("status=405,body=text", 7),
    ],
)
def test_no_page_blames_the_key(tmp_path, export, fault, code):
    """At the token call or at a batch, whatever its status."""
    directory = export(10, kinds=("customers",))
    with serving(tmp_path, "--limits", "none", "--fault", f"{fault},{CLOUD}") as sandbox:
        done = sandbox.migrate(directory)
        summary = json.loads(done.stdout)
    assert done.returncode == code
    assert "Server: cloudflare, CF-Ray: 8f1-MAD" in summary["message"]
    assert "key" not in (summary["message"] + summary["hint"]).lower()
    assert "proxy" in summary["hint"]


@pytest.mark.parametrize("code", [521, 523, 525, 526])
def test_an_edge_that_did_not_reach_the_api_is_asked_again(tmp_path, export, code):
    """Nothing is in doubt, nothing doubled."""
    directory = export(40)
    fault = f"status={code},body=page,{CLOUD},rate=0.3,times=5"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as sandbox:
        done = sandbox.migrate(directory, MASIVO_FIRST_DELAY="0.05")
        assert done.returncode == 0, done.stdout
        assert arrived(sandbox) == expected_ledger(directory)


@pytest.mark.parametrize("code", [520, 522, 524])
def test_an_edge_that_lost_the_answer_leaves_doubt(tmp_path, export, code):
    """It may have been applied; why says who said so."""
    directory = export(20, kinds=("customers", "events"))
    fault = f"status={code},body=page,applied=yes,{CLOUD},on=events,at=1"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as sandbox:
        done = sandbox.migrate(directory)
        assert (done.returncode, json.loads(done.stdout)["kinds"]["events"]["in_doubt"]) == (4, 20)
        assert arrived(sandbox, ["events"]) == {"events": expected_ledger(directory)["events"]}
    assert f"{code} {WHO}".encode() in done.stderr


@pytest.mark.parametrize("packing", ["gzip", "deflate", "bare", "zstd", "twice", "false"])
def test_compressed_answers_are_read(tmp_path, export, packing):
    """Token, acceptance, refusal and read-back: as if they were not."""
    directory = export(40, "--invalid", "0.1")
    with serving(tmp_path, "--limits", "none", "--fault", f"compress={packing},on=all") as sandbox:
        done = sandbox.migrate(directory, "--sample", "2", MASIVO_SAMPLE="2")
        summary = json.loads(done.stdout)
    assert summary["outcome"] in {"complete", "dead_letters"}, summary["message"]
    assert summary["warnings"] == []
    assert summary["verified"]["kinds"]["customers"]["confirmed"] > 0


@pytest.mark.parametrize("packing", ["br", "cut", "bomb"])
def test_a_201_whose_body_cannot_be_read_is_a_201(tmp_path, export, packing):
    """The status is the contract."""
    directory = export(20)
    with serving(tmp_path, "--limits", "none", "--fault", f"compress={packing}") as sandbox:
        done = sandbox.migrate(directory)
        assert done.returncode == 0
        assert arrived(sandbox) == expected_ledger(directory)


SHAPES = [
    "refusal", "errors", "details", "members", "message", "detail", "problem", "nested", "list", "results", "bom",
    "error",
]  # fmt: skip


@pytest.mark.parametrize("by", ["path", "index", "id", "none"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_refusal_in_another_shape_is_a_refusal(tmp_path, export, shape, by):
    """Its culprit alone is a dead letter, and one that is named is found at once."""
    directory = export(60, kinds=("customers",))
    path = directory / "customers.ndjson"
    records = path.read_bytes().splitlines(keepends=True)
    taken = json.loads(records[3])["email"]
    with serving(tmp_path, "--limits", "none", "--fault", f"shape={shape},by={by}") as sandbox:
        path.write_bytes(records[3])
        assert sandbox.migrate(directory, state="first").returncode == 0
        late = json.loads(records[30])
        records[30] = json.dumps({**late, "email": taken}).encode() + b"\n"
        path.write_bytes(b"".join([*records[:3], *records[4:]]))
        done = sandbox.migrate(directory, state="second")
        figures = json.loads(done.stdout)["kinds"]["customers"]
    assert (done.returncode, figures["accepted"], figures["dead"]) == (3, 58, 1)
    (letter,) = lines(directory / "second" / "dead-letter.customers.ndjson")
    assert json.loads(letter["raw"])["id"] == late["id"]
    assert letter["message"] != "status 422"
    # A path or an id is believed; an index is tested alone.
    assert figures["requests"] <= {"none": 12}.get(by, 4)


@pytest.mark.parametrize("fault", ["status=404,body=page", "status=200,body=page", "html=403", "status=200,body=error"])
def test_what_is_read_back_by_another_is_not_missing(tmp_path, export, fault):
    """`verify` could not read it, and says so; nothing is called missing."""
    directory = export(10, kinds=("customers", "events", "transactions"))
    port = tmp_path / "store"
    with serving(tmp_path, "--limits", "none", "--store", port) as sandbox:
        assert sandbox.migrate(directory).returncode == 0
        sandbox.ledger()
    with serving(
        tmp_path, "--limits", "none", "--store", port, "--port", sandbox.port, "--fault", f"{fault},on=read"
    ) as sandbox:
        done = run(
            "verify", "--base-url", sandbox.url, "--limit", "none", "--state-dir", directory / "state", "--json",
            "--sample", "2", key=sandbox.key, MASIVO_FIRST_PROBE="0.05", MASIVO_EVENTS_SETTLE="0.1",
            MASIVO_VISIBLE_TIMEOUT="0.1",
        )  # fmt: skip
    found = json.loads(done.stdout)
    assert done.returncode == 6
    for figures in found["kinds"].values():
        assert figures["missing"] == figures["different"] == 0
        assert figures["unread"] > 0


@pytest.mark.parametrize(
    ("fault", "code", "word"),
    [
        ("html,type=", 6, "may have happened"),
        ("html=201", 6, "may have happened"),
        ("status=200,body=error,applied=yes", 6, "may have happened"),
        ("status=204,applied=yes", 0, ""),
        ("status=200,body=list,applied=yes", 0, ""),
        ("html=403", 7, "not from the API; nothing was taken back"),
    ],
)
def test_a_revert_is_judged_by_who_has_answered(tmp_path, export, fault, code, word):
    """A page is no success; a refusal by a page is nobody's word about the key."""
    directory = export(5, kinds=("customers",))
    with serving(tmp_path, "--limits", "none", "--fault", f"{fault},on=revert") as sandbox:
        assert sandbox.migrate(directory).returncode == 0
        sandbox.ledger()
        done = run(
            "revert", "--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--yes",
            "--base-url", sandbox.url, "--limit", "none", "--state-dir", directory / "state", key=sandbox.key,
        )  # fmt: skip
    assert done.returncode == code, done.stderr
    told = (done.stdout + done.stderr).decode()
    assert word in told
    assert "key's" not in told or code != 7
