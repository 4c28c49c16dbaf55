"""Warnings of a plan: if the advice is followed, the warning is gone, and everything that was planned arrives once."""

import json

import pytest
from advice_tools import (
    QUICK,
    arrived,
    expect_advice,
    go,
    let_time_pass,
    make_exports,
    make_record,
    matches,
    migrate,
    named,
)
from end_to_end_tools import KINDS, run, serving
from fakes import transaction, write_export

from masivo_stream.model.sample_programme import POINTS

pytestmark = pytest.mark.slow

LIMITED = ["--limit", "1/5s", "--limit", "1000/h"]


def plan(directory, *arguments, kinds=KINDS, **environment):
    return run("plan", *named(directory, kinds), "--json", *arguments, cwd=directory, **environment)


def expect_no_advice(done, text):
    """Check that a plan could be made, and does not give this warning."""
    assert done.returncode in {0, 3}, done.stderr
    assert not [warning for warning in json.loads(done.stdout)["warnings"] if matches(text, warning)]
    return done.returncode


def test_an_empty_export_is_replaced_by_one_with_records(tmp_path):
    """An export with records is named."""
    make_exports(tmp_path, 0, kinds=["customers"])
    done = plan(tmp_path)
    expect_advice(done, "nothing would be sent: name exports that hold records to migrate")
    make_exports(tmp_path, kinds=["customers"])
    assert expect_no_advice(plan(tmp_path), "nothing would be sent: name exports that hold records to migrate") == 0


def test_the_limits_of_an_account_are_given(tmp_path):
    """The quoted flags are pasted: the plan knows them, and no request is answered with 429."""
    make_exports(tmp_path)
    text = (
        "no limit is configured: every request leaves at once, and an account with limits answers 429; give the"
        " account's limits, for example --limit 1/5s --limit 1000/h"
    )
    here = ("--base-url", "http://127.0.0.1:1/v1")
    expect_advice(plan(tmp_path, *here, "--limit", "none"), text)
    done = plan(tmp_path, *here, *text.partition("for example ")[2].split())
    assert expect_no_advice(done, text) == 0
    assert json.loads(done.stdout)["windows"]["configured"] == ["1/5s", "1000/h"]
    with serving(tmp_path, "--limits", "1/0.5s") as served:
        assert migrate(served, tmp_path, limit="1/0.5s").returncode == 0
        arrived(served, tmp_path)
        assert not any("429" in outcomes for outcomes in served.ledger()["requests"].values())


def test_many_records_need_a_production_account(tmp_path):
    """The times in the warning are those that the plan gives at the limits of the two accounts."""
    make_exports(tmp_path, 5001, kinds=["customers"], items=51)
    write_export(tmp_path / "transactions.ndjson", [make_record("transactions", number, 51) for number in range(5001)])
    done = plan(tmp_path, "--max-body-bytes", "1000000000")
    text = "{…} records need a Production account (guides/migrate-customers): ask the vendor to set one up first{…}"
    records, times = expect_advice(done, text)
    assert records == "10,002"
    seconds = json.loads(done.stdout)["seconds"]
    dev, prod = (
        json.loads(plan(tmp_path, "--max-body-bytes", "1000000000", *limits).stdout)["seconds"]["configured"]
        for limits in (["--limit", "1/5s", "--limit", "250/h"], LIMITED)
    )
    assert (seconds["dev"], seconds["prod"]) == (dev, prod)
    assert ("a development account takes" in times) == (dev > prod)


def test_the_general_limit_of_a_development_account_is_left_out(tmp_path):
    """Without the limit, as on a production account, the plan takes the predicted time."""
    make_exports(tmp_path, 2001, kinds=["customers"])
    text = (
        "the limit of {…} over all calls is the bottleneck: {…} requests take {…} instead of {…}, and each read-back"
        " is one more request; a Production account does not have this limit"
    )
    expect_advice(plan(tmp_path, *LIMITED, "--general-limit", "2/d"), text)
    done = plan(tmp_path, *LIMITED)
    expect_no_advice(done, text)
    assert json.loads(done.stdout)["seconds"]["configured"] == 10


def test_an_unreadable_quota_is_repaired(served, tmp_path):
    """After the directory is corrected, the plan knows what is used."""
    make_exports(tmp_path, kinds=["customers"])
    shared = tmp_path / "shared"
    environment = {"MASIVO_SHARED_DIR": str(shared), "key": served.key}
    here = ["--base-url", served.url, "--limit", "1000/h"]
    assert run("migrate", *named(tmp_path), *here, cwd=tmp_path, **environment, **QUICK).returncode == 0
    for file in shared.glob("*.quota.db*"):
        file.rename(file.with_name(f"kept-{file.name}"))
        file.write_bytes(b"rubbish " * 1000)
    text = (
        "the plan assumes that the account's quota is unused, because it cannot be read ({…}): repair shared_dir,"
        " otherwise the first requests may be answered with 429"
    )
    flags = [*here, "--state-dir", "dry"]
    expect_advice(plan(tmp_path, *flags, **environment), text)
    for file in shared.glob("kept-*"):
        file.replace(file.with_name(file.name.removeprefix("kept-")))
    done = plan(tmp_path, *flags, **environment)
    expect_no_advice(done, text)
    assert json.loads(done.stdout)["quota"]["windows"][0]["used"] == 1
    arrived(served, tmp_path)


def test_a_migration_is_started_when_the_server_permits(tmp_path):
    """Started before that time, the run stops at once, as predicted. Started later, everything arrives."""
    make_exports(tmp_path, kinds=["customers"])
    environment = {"MASIVO_SHARED_DIR": str(tmp_path / "shared"), "MASIVO_LONGEST_HOLD": "1"}
    text = (
        "the server asks to wait {…} more, which is longer than longest_hold: a migration that starts now stops at"
        " once (exit 6); start it later"
    )
    fault = "throttle,retry_after=600,times=1"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        assert migrate(served, tmp_path, limit="100/1s", **environment).returncode == 6
        flags = ["--base-url", served.url, "--limit", "100/1s", "--state-dir", "dry"]
        expect_advice(plan(tmp_path, *flags, key=served.key, **environment), text)
        assert migrate(served, tmp_path, limit="100/1s", **environment).returncode == 6
        let_time_pass(tmp_path / "shared", 600)
        expect_no_advice(plan(tmp_path, *flags, key=served.key, **environment), text)
        assert migrate(served, tmp_path, limit="100/1s", **environment).returncode == 0
        arrived(served, tmp_path)


def test_the_oldest_transactions_of_a_customer_are_merged(served, tmp_path):
    """Then the customer fits, and arrives."""
    make_exports(tmp_path, 2, items=1001)
    text = (
        "{…} with more than {…} {…}, which must not be split over requests: none of these would be sent, the first at"
        " {…}; merge each customer's oldest ones"
    )
    kinds = ("customers", "transactions")
    expect_advice(plan(tmp_path, kinds=kinds), text)
    records = [json.loads(line) for line in (tmp_path / "transactions.ndjson").read_bytes().splitlines()]
    for record in records:
        first, second, *others = record["transactions"]
        record["transactions"] = [{**first, "amount": first["amount"] + second["amount"]}, *others]
    write_export(tmp_path / "transactions.ndjson", records)
    (tmp_path / "events.ndjson").unlink()
    assert expect_no_advice(plan(tmp_path, kinds=kinds, state="dry"), text) == 0
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["shortened", "raised"])
def test_records_too_large_are_shortened_or_the_limit_is_raised(way, served, tmp_path):
    """Either way, the records arrive."""
    records = [make_record("customers", number, name="x" * 3000) for number in range(2)]
    write_export(tmp_path / "customers.ndjson", records)
    text = (
        "{…} of {…} too large for any request, the first at {…}: shorten these records, or raise max_body_bytes if"
        " the target takes larger bodies"
    )
    small = {"MASIVO_MAX_BODY_BYTES": "2000"}
    expect_advice(plan(tmp_path, **small), text)
    if way == "shortened":
        make_exports(tmp_path, 2, kinds=["customers"])
    else:
        small = {"MASIVO_MAX_BODY_BYTES": "4000"}
    assert expect_no_advice(plan(tmp_path, **small), text) == 0
    assert migrate(served, tmp_path, **small).returncode == 0
    arrived(served, tmp_path)


def test_an_export_that_is_wrong_as_a_whole_is_made_again(served, tmp_path):
    """At the quoted place there is a record with the fault. After a correct export, all of them arrive."""
    make_exports(tmp_path, 1, kinds=["customers"])
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.write(b'{"name": "Ana"}\n' * 2)
    text = (
        "{…} of {…} records of {…} would be dead letters, most of them because of {…}: the export as a whole is"
        " probably wrong; look at {…} and export again"
    )
    *_, reason, place = expect_advice(plan(tmp_path), text)
    assert (reason, place) == ("missing_field", f"{tmp_path / 'customers.ndjson'}:2")
    make_exports(tmp_path, 3, kinds=["customers"])
    assert expect_no_advice(plan(tmp_path), text) == 0
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_bodies_get_the_suggested_size(served, tmp_path):
    """The quoted flag is pasted: the requests are the fewest possible, and everything arrives."""
    make_exports(tmp_path, 900, kinds=["customers"])
    text = (
        "{…} of {…} of {…} would be limited by bytes, not by count; that makes {…} more requests than the fewest"
        " possible: --max-body-bytes {…} would fill them, if the target takes bodies of that size"
    )
    *_, size = expect_advice(plan(tmp_path, "--max-body-bytes", "60000"), text)
    done = plan(tmp_path, "--max-body-bytes", size)
    expect_no_advice(done, text)
    assert json.loads(done.stdout)["requests"] == json.loads(done.stdout)["requests_lower_bound"] == 1
    done = migrate(served, tmp_path, "--max-body-bytes", size)
    assert json.loads(done.stdout)["kinds"]["customers"]["requests"] == 1
    arrived(served, tmp_path)


def test_customers_that_fit_together_share_a_request(tmp_path):
    """Records of 600 come first, those of 400 long after them. With a larger look_ahead each request is full."""
    for kind in ("customers", "transactions"):
        records = [make_record(kind, number, 600 if number < 12 else 400) for number in range(24)]
        write_export(tmp_path / f"{kind}.ndjson", records)
    text = (
        "{…} of {…}, but the fewest possible are {…}: a customer's record is never split, and these do not fit"
        " together better; if small records come long after large ones, a larger look_ahead helps (now {…})"
    )
    kinds = ("customers", "transactions")
    *_, now = expect_advice(plan(tmp_path, kinds=kinds, MASIVO_LOOK_AHEAD="2"), text)
    assert now == "2"
    done = plan(tmp_path, kinds=kinds, MASIVO_LOOK_AHEAD="16")
    expect_no_advice(done, text)
    assert json.loads(done.stdout)["kinds"]["transactions"]["requests"] == 12


def test_records_without_a_customers_export_get_one(served, tmp_path):
    """Then there is no warning, and everything arrives."""
    make_exports(tmp_path)
    text = (
        "{…} without a customers export: {…} must be in the account already, because one unknown customer makes"
        " the API refuse a batch of 1000; if they are not, name the customers export too; migrate --canary finds"
        " out about one of them with a request of each kind"
    )
    which, customers = expect_advice(plan(tmp_path, kinds=("events", "transactions")), text)
    assert (which, customers) == ("events and transactions", "all 3 customers")
    (tmp_path / "first").mkdir()
    done = go("migrate", served, tmp_path / "first", "--canary", *named(tmp_path, ("events", "transactions")))
    assert (done.returncode, served.requests("events"), served.requests("transactions")) == (6, 1, 0)
    assert expect_no_advice(plan(tmp_path), text) == 0
    assert migrate(served, tmp_path, "--again").returncode == 0
    arrived(served, tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_customers_export_is_made_again_or_left_out(content, served, tmp_path):
    """The file is named that is empty, and not the records that lack their customers."""
    make_exports(tmp_path)
    customers = tmp_path / "customers.ndjson"
    whole = customers.read_bytes()
    customers.write_bytes(content)
    text = (
        "{…} of {…} records of {…} would be dead letters, most of them because no customer in {…} can be"
        " sent: export the customers again, or leave --customers out if the account has all of them"
    )
    *_, file = expect_advice(plan(tmp_path), text)
    assert file == str(customers)
    customers.write_bytes(whole)
    assert expect_no_advice(plan(tmp_path), text) == 0
    for kinds in (("customers",), ("events", "transactions")):  # the account has them all, then
        folder = tmp_path / kinds[0]
        folder.mkdir()
        assert go("migrate", served, folder, *named(tmp_path, kinds)).returncode == 0
        served.ledger()  # waits for the queue: the customers are in the account only then
    arrived(served, tmp_path)


def test_customers_that_most_records_lack_are_exported(served, tmp_path):
    """With ids as the other exports write them, everything arrives."""
    make_exports(tmp_path)
    customers = tmp_path / "customers.ndjson"
    whole = customers.read_text()
    customers.write_text(whole.replace('"id": "', '"id": "0').replace('"id":"', '"id":"0'))
    text = (
        "{…} of {…} records of {…} would be dead letters, most of them because {…} lacks their customers:"
        " export all customers, with ids written as at {…}"
    )
    *_, place = expect_advice(plan(tmp_path), text)
    assert place.endswith(":1")
    customers.write_text(whole)
    assert expect_no_advice(plan(tmp_path), text) == 0


def test_the_customers_of_most_records_are_corrected(served, tmp_path):
    """The place is that of a customer; corrected, everything arrives."""
    make_exports(tmp_path)
    customers = tmp_path / "customers.ndjson"
    whole = customers.read_text()
    customers.write_text(whole.replace('"name"', '"nom"'))
    text = (
        "{…} of {…} records of {…} would be dead letters, most of them because their customers are dead"
        " letters: correct the customers first, beginning at {…}"
    )
    *_, place = expect_advice(plan(tmp_path), text)
    assert place == f"{customers}:1"
    customers.write_text(whole)
    assert expect_no_advice(plan(tmp_path), text) == 0


@pytest.mark.parametrize("way", ["left out", "added"])
def test_unknown_customers_are_left_out_or_added(way, served, tmp_path):
    """Their records are removed, or the customers are added. No request is refused, and everything arrives."""
    make_exports(tmp_path, 4)
    customers = (tmp_path / "customers.ndjson").read_bytes().splitlines(keepends=True)
    (tmp_path / "customers.ndjson").write_bytes(b"".join(customers[:3]))
    text = (
        "{…} of {…} for customers that are not in the customers export, the first at {…}:{…}: unless the account has"
        " these customers, each costs about ten requests to isolate; leave the records out, or add the customers"
    )
    found = expect_advice(plan(tmp_path, MASIVO_SKIP_CHECKS="all"), text)
    assert found[-1] == "4"
    if way == "added":
        (tmp_path / "customers.ndjson").write_bytes(b"".join(customers))
    else:
        make_exports(tmp_path, 3)
    assert expect_no_advice(plan(tmp_path, MASIVO_SKIP_CHECKS="all"), text) == 0
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)
    assert not any("422" in outcomes for outcomes in served.ledger()["requests"].values())


def test_the_memory_of_ids_is_as_large_as_the_export(tmp_path):
    """With the quoted number, the duplicate is noticed."""
    make_exports(tmp_path, 6, kinds=["customers"])
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.write((tmp_path / "customers.ndjson").read_bytes().splitlines(keepends=True)[0])
    text = (
        "more than {…} {…}: duplicates further apart than that are not noticed before they are sent, and each costs"
        " about ten requests to isolate; raise remember_ids to the number of records"
    )
    expect_advice(plan(tmp_path, MASIVO_REMEMBER_IDS="5", MASIVO_SKIP_CHECKS="all"), text)
    done = plan(tmp_path, MASIVO_REMEMBER_IDS="7", MASIVO_SKIP_CHECKS="all")
    assert expect_no_advice(done, text) == 3
    expect_advice(done, "keep one record for this customer")


@pytest.mark.parametrize("way", ["without a value", "left out"])
def test_marks_of_customers_who_are_not_deleted_are_left_out(way, served, tmp_path):
    """Every customer is marked although all are alive.

    Without the values, or without the fields, all of them arrive.
    """
    records = [make_record("customers", number, deleted_at="2024-01-01T00:00:00Z") for number in range(3)]
    write_export(tmp_path / "customers.ndjson", records)
    text = (
        "{…} of {…} records of {…} would be skipped, the first at {…}: if these records are not deleted or reversed,"
        " export the fields `deleted`, `deleted_at`, `status` and `reversed_at` without a value, or leave the fields"
        " out; of exports that prepare has written, correct `statuses` in the mapping"
    )
    expect_advice(plan(tmp_path), text)
    fields = {"deleted_at": None} if way == "without a value" else {}
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number, **fields) for number in range(3)])
    assert expect_no_advice(plan(tmp_path), text) == 0
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_an_export_over_the_budget_is_corrected_first(served, tmp_path):
    """A plan warns before anything is sent: with corrected lines or a larger budget, a migration does not stop."""
    faulty = [make_record("customers", number, **({"name": 7} if number else {})) for number in range(3)]
    write_export(tmp_path / "customers.ndjson", faulty)
    text = (
        "over budget: {…}; a migration with this budget stops there (exit 6): correct the lines first, or allow more"
        " with --max-dead"
    )
    done = plan(tmp_path, "--max-dead", "customers=50%")
    assert done.returncode == 3
    assert expect_advice(done, text) == (
        "2 dead letters of customers among 3 records read, and max_dead allows 50%: 2 wrong_type",
    )
    assert json.loads(done.stdout)["summary"]["over_budget"]["reasons"] == {"wrong_type": 2}
    assert expect_no_advice(plan(tmp_path, "--max-dead", "customers=67%"), text) == 3
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number) for number in range(3)])
    assert expect_no_advice(plan(tmp_path, "--max-dead", "customers=50%"), text) == 0
    assert migrate(served, tmp_path, "--max-dead", "customers=50%").returncode == 0
    arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["before", "after"])
def test_another_event_of_a_purchase_is_rejected(way, served, tmp_path):
    """Before the migration a flag helps; after it, a revert and a migration with that flag.

    The purchase counts once.
    """
    make_exports(tmp_path, kinds=["customers", "events"])
    again = json.loads((tmp_path / "events.ndjson").read_bytes().splitlines()[0])
    again["events"][0]["type"] = "REFUND"
    with (tmp_path / "events.ndjson").open("ab") as export:
        export.write(json.dumps(again).encode() + b"\n")
    flag = ("--duplicate-purchase", "reject")
    if way == "before":
        text = (
            "{…}: each would be sent and counted; if they are one purchase, --duplicate-purchase reject"
            " makes dead letters of the later ones"
        )
        done = plan(tmp_path)
        expect_advice(done, text)
        expect_advice(
            done,
            "another event of this customer has the same purchase_id, and each counts: if they are one purchase, leave"
            " one out, or --duplicate-purchase reject",
        )
        assert expect_no_advice(plan(tmp_path, *flag), text) == 3
    else:
        done = migrate(served, tmp_path)
        assert done.returncode == 0
        expect_advice(
            done,
            "{…}: they were sent, and each counts; if they are one purchase, revert this run and migrate"
            " with --duplicate-purchase reject",
        )
        flags = ["--base-url", served.url, "--limit", "none", "--state-dir", tmp_path / "state", "--yes"]
        period = ["--from", "2000-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z"]
        assert run("revert", *period, *flags, key=served.key, **QUICK).returncode == 0
    before = served.ledger()["reverted"]["events"].get("c0", {}).get("c0-0", 0)
    assert migrate(served, tmp_path, *flag).returncode == 3
    assert served.ledger()["events"]["c0"]["c0-0"] - before == 1


def test_what_the_account_lacks_is_corrected_before_migrating(served, tmp_path):
    """`check`, which is suggested, finds it as well; corrected, neither finds anything, and all arrives."""
    make_exports(tmp_path)
    for kind in ("customers", "transactions"):
        path = tmp_path / f"{kind}.ndjson"
        path.write_text(path.read_text().replace(transaction()["reward_id"], POINTS))
    export = tmp_path / "transactions.ndjson"
    right = export.read_text()
    other = "00000000-0000-4000-8000-000000000000"
    export.write_text(right.replace(POINTS, other))
    (tmp_path / "catalogue.json").write_text(json.dumps({"rewards": [{"id": POINTS, "name": "Puntos"}]}))
    skip = ("--skip-checks", "balance_mismatch")
    done = plan(tmp_path, "--catalogue", "catalogue.json", *skip)
    assert done.returncode == 3
    expect_advice(
        done, "create what the account lacks, or correct the ids, before migrating: the API would refuse these records"
    )
    (finding,) = json.loads(done.stdout)["references"]["findings"]
    assert (finding["id"], finding["line"], finding["uses"]) == (other, 1, 3)
    shown = run("plan", *named(tmp_path), *skip, "--base-url", served.url, key=served.key, COLUMNS="200")
    said = shown.stdout.decode()
    assert (
        "masivo-stream check with the same exports asks the account whether it has what they name, in about four"
        " requests"
    ) in said
    check = ("check", *named(tmp_path), "--base-url", served.url)
    assert run(*check, key=served.key).returncode == 3
    export.write_text(right)
    assert run(*check, key=served.key).returncode == 0
    assert plan(tmp_path, "--catalogue", "catalogue.json").returncode == 0
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_purchases_of_an_earlier_run_are_seen_and_held_back(served, tmp_path):
    """A plan with the key of the account shows them, a flag holds them back, and each counts once from then on."""
    make_exports(tmp_path, kinds=["customers", "events"])
    assert migrate(served, tmp_path, state="first").returncode == 0

    def export(count):
        """Write an export of altered events of this number of customers."""
        records = [json.loads(line) for line in (tmp_path / "events.ndjson").read_bytes().splitlines()][:count]
        for record in records:
            record["events"][0]["type"] = "REFUND"
        write_export(tmp_path / f"later-{count}.ndjson", records[::-1])
        return ("--events", tmp_path / f"later-{count}.ndjson")

    flags = ("--base-url", served.url, "--limit", "none", "--json")
    done = run("migrate", *export(1), *flags, "--state-dir", tmp_path / "unseen", key=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    expect_advice(
        done,
        "{…}: they were sent, and each counts; the next time, see them in a plan with the account's key, and hold"
        " them back with --duplicate-purchase reject",
    )
    before = served.ledger()["events"]
    done = run("plan", *export(3), *flags, "--state-dir", tmp_path / "look", key=served.key)
    assert done.returncode == 3, done.stderr  # the first one is the same event by now
    expect_advice(
        done,
        "{…}: each would be sent and counted; if they are one purchase, --duplicate-purchase reject makes dead"
        " letters of them",
    )
    expect_advice(
        done,
        "an earlier run sent an event of this customer with the same purchase_id: leave it out if they are one"
        " purchase, with --duplicate-purchase reject",
    )
    reject = ("--duplicate-purchase", "reject", "--state-dir", tmp_path / "held")
    done = run("migrate", *export(3), *flags, *reject, key=served.key, **QUICK)
    assert json.loads(done.stdout)["kinds"]["events"]["reasons"] == {"sent_before": 3}
    assert served.ledger()["events"] == before
