"""Advice about totals by day: if it is followed, the comparison says how it is."""

import json

import pytest
from advice_tools import (
    arrived,
    expect_advice,
    go,
    make_exports,
    make_record,
    migrate,
    sending,
)
from end_to_end_tools import run, serving
from fakes import write_export

pytestmark = pytest.mark.slow


def totals(served, directory, *flags, **environment):
    return go("verify", served, directory, "--totals", *flags, **{"MASIVO_VISIBLE_TIMEOUT": "0.3", **environment})


def migrated(served, directory, count=3, **more):
    """Migrate an export, and wait until its totals are equal."""
    make_exports(directory, count, **more)
    assert migrate(served, directory).returncode == 0
    arrived(served, directory)
    return directory


def test_flags_that_contradict_each_other_are_corrected(served, tmp_path):
    """Each hint, followed, makes a comparison."""
    migrated(served, tmp_path)
    done = run("verify", *sending(served, tmp_path), "--most-requests", "5", key=served.key)
    assert done.returncode == 2
    expect_advice(done, "add --totals")
    for wrong in (("--sample", "5"), ("--all", "--most-requests", "5")):
        done = totals(served, tmp_path, *wrong)
        assert done.returncode == 2
        expect_advice(done, "with --totals, use --most-requests or --all")
    done = totals(served, tmp_path, "--most-requests", "0")
    assert done.returncode == 2
    expect_advice(done, "allow 1 or more, or say --all")
    for wrong in ("Bogota", "5", "+25:00"):
        done = totals(served, tmp_path, "--day-zone", wrong)
        assert done.returncode == 2
        expect_advice(done, "write it as +00:00 or -05:00")
    for wrong in (("--reward", "xx"), ("--brand", "nobody")):
        done = totals(served, tmp_path, *wrong)
        assert done.returncode == 2
        expect_advice(done, "check the id: without this flag, verify --totals lists the rewards of all transactions")
    listed = json.loads(totals(served, tmp_path).stdout)["rewards"]
    for right in (("--most-requests", "5"), ("--all",), ("--day-zone", "+00:00"), ("--reward", listed[0]["reward"])):
        done = totals(served, tmp_path, *right)
        assert (done.returncode, json.loads(done.stdout)["days"]["equal"]) == (0, 1), done.stderr


def test_a_day_that_differs_is_verified_record_by_record(tmp_path):
    """`verify --all` names the record that was lost, and no other one."""
    make_exports(tmp_path, 3)
    with serving(tmp_path, "--limits", "none", "--fault", "lose=1,on=transactions") as served:
        assert migrate(served, tmp_path).returncode == 0
        done = totals(served, tmp_path, MASIVO_VISIBLE_TIMEOUT="0.1")
        assert done.returncode == 3, done.stdout
        expect_advice(
            done,
            "masivo-stream verify --all compares customer by customer, and names file and line of each record that"
            " differs",
        )
        done = go("verify", served, tmp_path, "--all", MASIVO_VISIBLE_TIMEOUT="0.1")
    (found,) = json.loads(done.stdout)["findings"]
    assert (found["kind"], found["line"], found["seen"]) == ("transactions", 1, "missing")


def test_days_that_are_left_are_compared_by_the_same_command(tmp_path):
    """What does not show yet is asked for again later, and nothing else is."""
    make_exports(tmp_path, 3)
    with serving(tmp_path, "--limits", "none", "--fault", "late=3,on=transactions") as served:
        assert migrate(served, tmp_path).returncode == 0
        done = totals(served, tmp_path, MASIVO_VISIBLE_TIMEOUT="60")
        assert done.returncode == 6, done.stdout
        expect_advice(done, "start the same command again later: it goes on with the days that are left")
        arrived(served, tmp_path)
        done = totals(served, tmp_path, MASIVO_VISIBLE_TIMEOUT="60")
        assert done.returncode == 0, done.stdout


def test_days_of_another_zone_are_compared_in_that_zone(tmp_path):
    """The zone that is named is right."""
    with serving(tmp_path, "--limits", "none", "--days", "-05:00") as served:
        moments = [f"2024-01-02T{hour:02}:30:00Z" for hour in range(24)]
        (customer,) = [make_record("customers", 0, items=24)]
        booked = make_record("transactions", 0, items=24)
        for each, moment in zip(booked["transactions"], moments, strict=True):
            each["issued_at"] = moment
        write_export(tmp_path / "customers.ndjson", [customer])
        write_export(tmp_path / "transactions.ndjson", [booked])
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)
        done = totals(served, tmp_path)
        assert done.returncode == 6, done.stdout
        (zone,) = expect_advice(done, "compare with --day-zone {…}")
        done = totals(served, tmp_path, "--day-zone", zone)
        assert done.returncode == 0, done.stdout


def test_days_that_cannot_be_compared_are_read_back_instead(tmp_path):
    """`verify` without `--totals` confirms what was sent."""
    with serving(tmp_path, "--limits", "none", "--days", "created") as served:
        migrated(served, tmp_path)
        done = totals(served, tmp_path)
        assert done.returncode == 6, done.stdout
        expect_advice(
            done,
            "totals cannot be compared by day with this account: masivo-stream verify reads customers back instead",
        )
        assert go("verify", served, tmp_path).returncode == 0


def test_batches_in_doubt_are_decided(tmp_path):
    """`resolve --accept` with what was seen; then the totals are equal."""
    make_exports(tmp_path, 3)
    fault = "hang=0.05,applied=yes,on=transactions,at=1"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        assert migrate(served, tmp_path, MASIVO_MAX_BODY_BYTES="1024").returncode == 4
        done = totals(served, tmp_path)
        assert done.returncode == 0, done.stdout
        if json.loads(done.stdout)["days"]["days"]:
            expect_advice(done, "masivo-stream resolve decides about what is in doubt")
        assert go("resolve", served, tmp_path, "--accept", "all").returncode == 0
        done = totals(served, tmp_path)
        found = json.loads(done.stdout)
        assert (done.returncode, found["days"]["equal"], found["not_compared"]) == (0, 1, {}), done.stdout
