"""Exports validated in parts, and taken up, are what one process finds: byte by byte, whatever the parts are."""

import gzip
import random
import re
import tempfile
from pathlib import Path

import anyio
import msgspec
import pytest
from core.adversarial import ROWS
from core.made import as_bytes, customer, event, events, transaction, transactions
from flow.divided import CAP, make_parts, named, planned, settings_of
from hypothesis import HealthCheck, given, settings
from hypothesis import event as note
from hypothesis import strategies as st
from random_exports import RandomExport

from masivo_stream.core.reading.lines import is_complete
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.results import Line

LATE = "2023-11-16T01:00:00Z"
"""More than a day after the fixed date of the fake clock."""

ODD = {
    Kind.CUSTOMERS: [
        as_bytes(customer(id="late", email="l@example.test", registration_date=LATE)),
        as_bytes(customer(id="unborn", email="u@example.test", dob="2030-01-01T00:00:00Z", registration_date=LATE)),
        as_bytes(customer(id="eternal", email="e@example.test", dob="9999-12-31T23:59:59-12:00")),
        as_bytes(customer(id="old", email="not one", dob="1900-01-01T00:00:00Z", nombre="x", balances=[])),
        as_bytes(customer(id="many", email="m@example.test", **{f"field_{number}": 1 for number in range(60)})),
        as_bytes(customer(id="c-1", email="\u00c9l@example.test", name="Sof\u00c3\u00ada")),
        rb'{"id":"escap\u0065d","name":"Ana","email":"esc@example.test","registration_date":"2023-11-07T05:31:56Z"}',
        b'{"id":"twice","name":"x@y.z","email":"x@y.z","registration_date":"2023-11-07T05:31:56+05:30"}',
    ],
    Kind.EVENTS: [
        as_bytes(events(event(issued_at=LATE), event(resolved_at=LATE), id="late")),
        as_bytes(events(event(order=event()["order"] | {"purchase_id": ""}), id="c-1")),
        as_bytes(events(event(reversed_at=True), event(type="Purchase"), id="c-1")),
        as_bytes(events(event(order=event()["order"] | {"value": 1e-7, "purchase_id": "c-1"}), id="c-1", extra=1)),
    ],
    Kind.TRANSACTIONS: [
        as_bytes(transactions(transaction(issued_at=LATE, amount=0.1234567), id="late")),
        as_bytes(transactions(transaction(amount=1e300), transaction(amount=12345678901234567890), id="c-1")),
    ],
}
for row_kind, body, _ in ROWS:
    if b"\n" not in body:
        ODD[row_kind].append(body)


def write_random(chance, folder):
    """Write exports of some kinds, in one or more files each; return the paths by kind."""
    made, paths = RandomExport(chance), {}
    for kind in chance.sample(list(Kind), chance.choice((1, 2, 3, 3))):
        lines = [as_bytes(record) for record in made.lines[kind.value]]
        for _ in range(chance.choice((0, 3, 12))):
            long = b'{"id":"' + b"x" * chance.choice((CAP - 9, CAP - 8, CAP + 1, 3 * CAP)) + b'"}'
            odd = chance.choice([*ODD[kind], b"", b"   ", long, chance.choice(lines or [b"{}"])])
            lines.insert(chance.randint(0, len(lines)), odd)
        files = chance.choice((1, 1, 2, 3))
        cuts = sorted(chance.randint(0, len(lines)) for _ in range(files - 1))
        paths[kind.value] = [
            write_lines(chance, folder / f"{kind}-{number}.ndjson", lines[start:end])
            for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(lines)], strict=True))
        ]
    return {kind.value: paths[kind.value] for kind in Kind if kind.value in paths}


def write_lines(chance, path, lines):
    """Write a file as careless programs do: with marks, with carriage returns, without the last newline, compressed."""
    end = chance.choice((b"\n", b"\n", b"\r\n"))
    marks = (b"\xef\xbb\xbf" if chance.random() < 0.1 else b"" for _ in lines)
    text = b"".join(mark + line + end for mark, line in zip(marks, lines, strict=True))
    if lines and len(lines[-1]) <= CAP and is_complete(Line(1, 0, lines[-1], len(lines[-1]))) and chance.random() < 0.3:
        text = text.removesuffix(end)
    if chance.random() < 0.25:
        path, text = path.with_suffix(".ndjson.gz"), gzip.compress(text)
    path.write_bytes(text)
    return path


async def compare(chance, folder, parts, **validation):
    """Plan with parts and without; return the plan."""
    paths = write_random(chance, folder)
    one, several = settings_of(folder / "one", **validation), settings_of(folder / "several", **validation)
    try:
        expected, left = await planned(named(paths), one)
    except MasivoStreamError as error:  # files that chance made equal, or no exports
        with pytest.raises(type(error), match=re.escape(str(error))):
            await planned(named(paths, folder / "parts"), several)
        return None
    await anyio.to_thread.run_sync(make_parts, named(paths), several, parts, folder / "parts")
    found, left_by_parts = await planned(named(paths, folder / "parts"), several)
    assert msgspec.json.encode(found) == msgspec.json.encode(expected).replace(b"/one/", b"/several/")
    assert left_by_parts == left
    return found


CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "unknown_fields": st.just("reject"),
        "duplicate_purchase": st.sampled_from(["reject", "warn", "allow"]),
        "skip_checks": st.sampled_from(
            [("all",), ("future_date", "email_case", "unknown_field"), ("unknown_customer",)]
        ),
        "remember_ids": st.just(1),
    },
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 1 << 32), st.sampled_from([1, 2, 3, 7, 40]), CHOICES)
def test_parts_give_what_one_process_gives(seed, parts, choices):
    """Over random exports and any number of parts: plan, findings, dead letters and skipped records are equal."""
    with tempfile.TemporaryDirectory() as folder:
        found = anyio.run(lambda: compare(random.Random(seed), Path(folder), parts, **choices))
    if found is not None and found.summary.checks:
        for result in found.summary.checks.results:
            note(result.check.value)
