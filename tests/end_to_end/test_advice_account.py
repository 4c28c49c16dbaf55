"""What a check of the account says: done, the next check finds nothing."""

import json

import pytest
from advice_tools import expect_advice, go, matches, paste
from end_to_end_tools import run, serving
from fakes import write_export

from masivo_stream.model.sample_programme import POINTS

pytestmark = pytest.mark.slow

OTHER = "00000000-0000-4000-8000-000000000000"


def write_transactions(directory, *changes):
    """Write an export of one customer with one transaction for each dictionary of changes."""
    good = {"reward_id": POINTS, "type": "ACCUMULATION", "amount": 1, "issued_at": "2024-01-01T00:00:00Z"}
    return write_export(
        directory / "transactions.ndjson", [{"id": "c", "transactions": [{**good, **each} for each in changes]}]
    )


def test_an_id_that_the_account_lacks_is_corrected(served, tmp_path):
    """At the place that is named."""
    export = write_transactions(tmp_path, {}, {"reward_id": OTHER})
    done = go("check", served, tmp_path, "--transactions", export)
    assert done.returncode == 3
    expect_advice(done, "create it in the account, or correct the id in the export; then check again")
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["id"], finding["file"], finding["line"]) == (OTHER, export, 1)
    (tmp_path / "transactions.ndjson").write_text((tmp_path / "transactions.ndjson").read_text().replace(OTHER, POINTS))
    assert go("check", served, tmp_path, "--transactions", export).returncode == 0


def test_a_reward_is_named_with_its_brand(tmp_path):
    """The catalogue says which brand that is."""
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(json.dumps({"rewards": [{"id": POINTS, "brand_id": "sol"}]}))
    command = ("check", "--catalogue", catalogue, "--transactions", write_transactions(tmp_path, {"brand_id": "luna"}))
    done = run(*command, "--json")
    assert done.returncode == 3
    expect_advice(done, "correct the id of the brand or of the reward in the export, then check again")
    write_transactions(tmp_path, {"brand_id": "sol"})
    assert run(*command, "--json").returncode == 0


def test_an_export_with_ids_of_something_else_is_corrected(tmp_path):
    """The place is that of the first id beyond the most that an account may hold."""
    export = write_transactions(tmp_path, *({"channel_id": f"order-{number}"} for number in range(60)))
    done = run("check", "--transactions", export, "--json")
    assert done.returncode == 3
    expect_advice(
        done,
        "look at the field at this place: it probably holds ids of something else; correct the export, then check"
        " again",
    )
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["id"], finding["line"]) == ("order-50", 1)
    write_transactions(tmp_path, *({"channel_id": "POS"} for _ in range(60)))
    assert run("check", "--transactions", export, "--json").returncode == 0


def test_a_catalogue_is_made_from_an_account(served, tmp_path):
    """By the command that is given, or by hand in the shape that is shown."""
    export = write_transactions(tmp_path, {})
    (tmp_path / "catalogue.json").write_text("rewards: none")
    command = ("check", "--transactions", export, "--catalogue", tmp_path / "catalogue.json")
    text = (
        'it is one JSON object with lists such as {"rewards": [{"id": "…"}], "tiers": [{"id": "…"}]};'
        " masivo-stream check --json > catalogue.json makes one from an account"
    )
    done = run(*command)
    assert done.returncode == 2
    expect_advice(done, text)
    made = paste(
        "masivo-stream check --json > catalogue.json", key=served.key, cwd=tmp_path, MASIVO_BASE_URL=served.url
    )
    assert made.returncode == 0, made.stderr
    assert run(*command).returncode == 0
    by_hand = text.partition("such as ")[2].partition(";")[0].replace("…", POINTS)
    (tmp_path / "catalogue.json").write_text(by_hand)
    assert run(*command).returncode == 0


def test_a_check_is_started_again_when_the_api_can_be_reached(tmp_path):
    """An outage is no answer; after it, the same command gets one."""
    with serving(tmp_path, "--limits", "none", "--fault", "status=503,on=auth,times=3") as served:
        done = go("check", served, tmp_path)
        assert done.returncode == 6
        expect_advice(done, "start the check again when the API can be reached")
        assert go("check", served, tmp_path).returncode == 0


def test_a_development_account_gets_its_limits(tmp_path):
    """The flags that are given keep within what it takes."""
    text = (
        "the configured limits are those of a production account, and this one takes less: give migrate --limit {…}"
        " --limit {…} --general-limit {…}"
    )
    with serving(tmp_path, "--limits", "dev") as served:
        here = ("--base-url", served.url, "--json")
        done = run("check", *here, key=served.key)
        assert done.returncode == 0
        interval, hourly, daily = expect_advice(done, text)
        assert (interval, hourly, daily) == ("1/5s", "250/h", "1000/d")
        limits = ("--limit", interval, "--limit", hourly, "--general-limit", daily)
        done = run("check", *here, *limits, key=served.key)
        assert not [warning for warning in json.loads(done.stdout)["warnings"] if matches(text, warning)]
        export = write_export(
            tmp_path / "customers.ndjson",
            [{"id": "c", "name": "n", "email": "e@example.com", "registration_date": "2020-01-01T00:00:00Z"}],
        )
        done = run("migrate", "--customers", export, *here, *limits, key=served.key, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_check_gets_something_to_check(served, tmp_path):
    """A key, an export, or a catalogue."""
    done = run("check")
    assert done.returncode == 2
    expect_advice(done, "set MASIVO_API_KEY to ask an account, or name exports or a --catalogue")
    assert run("check", "--base-url", served.url, key=served.key).returncode == 0
    assert run("check", "--transactions", write_transactions(tmp_path, {})).returncode == 0
    (tmp_path / "catalogue.json").write_text('{"tiers": []}')
    assert run("check", "--catalogue", tmp_path / "catalogue.json").returncode == 0


def test_a_check_that_asked_nothing_gets_a_key_or_a_catalogue(served, tmp_path):
    """Either compares the rewards."""
    export = write_transactions(tmp_path, {})
    done = run("check", "--transactions", export)
    assert done.returncode == 0
    expect_advice(done, "set MASIVO_API_KEY to compare with the account, or give --catalogue FILE")
    (tmp_path / "catalogue.json").write_text(json.dumps({"rewards": [{"id": POINTS}]}))
    for done in (
        run("check", "--transactions", export, "--base-url", served.url, key=served.key),
        run("check", "--transactions", export, "--catalogue", tmp_path / "catalogue.json"),
    ):
        assert done.returncode == 0
        assert b"no findings" in done.stdout
        assert b"asked: set" not in done.stdout


def test_lines_that_cannot_be_sent_are_explained_by_validate(tmp_path):
    """They are left out of the check, and `validate` names them."""
    write_transactions(tmp_path, {"reward_id": "no UUID"})
    done = run("check", "--transactions", tmp_path / "transactions.ndjson", cwd=tmp_path)
    assert done.returncode == 0
    expect_advice(done, "{…} {…} {…} cannot be sent and were left out here: masivo-stream validate says why")
    done = run("validate", "--transactions", tmp_path / "transactions.ndjson", cwd=tmp_path)
    assert done.returncode == 3
    assert b"reward_id" in done.stdout
