"""Whole exports: how faulty and skipped lines are mixed in, what the list of faults contains, what is written."""

import io
import json
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.duplicates import KnownIds
from masivo_stream.core.reading.strict import Rules
from masivo_stream.generate.catalogue import CATALOGUE
from masivo_stream.generate.export import BLOCK_BYTES, MOST_MIXED_IN, faulty, write
from masivo_stream.generate.good_records import records
from masivo_stream.generate.planted_faults import PlantedFault
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, Line, Rejected, Skipped

kinds = st.sampled_from(Kind)
seeds = st.integers(min_value=0, max_value=2**32)
shares = st.floats(min_value=0, max_value=0.5)


def export(**arguments):
    stream, manifest = io.BytesIO(), io.BytesIO()
    generated = write(stream, manifest, **arguments)
    faults = [msgspec.json.decode(line, type=PlantedFault) for line in manifest.getvalue().splitlines()]
    return generated, stream.getvalue(), faults


def validated(kind, lines):
    decoder = Decoder(Rules(kind=kind, max_line_bytes=10**7), KnownIds(capacity=10**5))
    return [
        decoder.validate(Line(number, 0, body, len(body)), "export.ndjson")
        for number, body in enumerate(lines, start=1)
    ]


@pytest.mark.parametrize("kind", Kind)
def test_validation_finds_each_fault_and_nothing_else(kind):
    """Each line in the list of faults is rejected for its reason at its field; every other line is accepted."""
    lines = list(faulty(kind, count=150, seed=11, rate=0.5))

    for result, (body, fault) in zip(validated(kind, [body for body, _ in lines]), lines, strict=True):
        if fault is None:
            assert isinstance(result, Entry)
            assert result.body == body
        else:
            assert isinstance(result, Rejected), fault
            assert (result.reason, result.field) == (fault.what, fault.field), fault


@pytest.mark.parametrize("kind", Kind)
def test_every_fault_of_a_kind_occurs(kind):
    """If there are a few more faulty lines than the catalogue has faults, every fault occurs."""
    found = {fault.description for _, fault in faulty(kind, count=150, seed=12, rate=0.5) if fault}

    assert {recipe.description for recipe in CATALOGUE[kind]} == found


def test_the_catalogue_covers_every_reason_within_one_file():
    """Every reason for which validation can reject a line of one file occurs; at least 25 recipes per kind."""
    reasons = {recipe.what for recipes in CATALOGUE.values() for recipe in recipes}

    assert reasons == {
        Reason.INVALID_JSON,
        Reason.INVALID_UTF8,
        Reason.MISSING_FIELD,
        Reason.WRONG_TYPE,
        Reason.INVALID_VALUE,
        Reason.TOO_MANY_ITEMS,
        Reason.NO_ITEMS,
        Reason.DUPLICATE_ID,
        Reason.DUPLICATE_EMAIL,
    }
    assert all(len(recipes) >= 25 for recipes in CATALOGUE.values())


@pytest.mark.parametrize("kind", Kind)
def test_descriptions_are_unique(kind):
    """A description identifies one recipe of its kind."""
    counts = Counter(recipe.description for recipe in CATALOGUE[kind])

    assert [text for text, count in counts.items() if count > 1] == []


@given(kind=kinds, seed=seeds, count=st.integers(min_value=0, max_value=30), rate=shares)
def test_good_lines_do_not_depend_on_the_faulty_ones(kind, seed, count, rate):
    """Without its faulty lines, an export is the clean one."""
    good = [body for body, fault in faulty(kind, count=count, seed=seed, rate=rate) if fault is None]

    assert list(records(kind, count=count, seed=seed)) == good


@settings(max_examples=30)
@given(
    kind=kinds,
    seed=seeds,
    count=st.integers(min_value=0, max_value=30),
    rate=st.floats(min_value=0, max_value=MOST_MIXED_IN),
    skipped=st.floats(min_value=0, max_value=MOST_MIXED_IN),
)
def test_the_list_of_faults_agrees_with_the_file(kind, seed, count, rate, skipped):
    """List of faults, counts and bytes agree with the validation of the file, for any shares."""
    generated, data, faults = export(kind=kind, count=count, seed=seed, rate=rate, skipped=skipped)

    found = validated(kind, data.split(b"\n")[:-1])
    entries = [one for one in found if isinstance(one, Entry)]
    skips = [one for one in found if isinstance(one, Skipped)]

    assert [fault.line for fault in faults] == [one.line for one in found if isinstance(one, Rejected)]
    assert generated.records == count == len(entries)
    assert generated.faulty == len(faults)
    assert generated.items == sum(one.items for one in entries)
    assert generated.skipped == len(skips) + sum(one.skipped_items for one in entries)
    assert generated.bytes == len(data)
    assert len(found) == len(entries) + len(skips) + len(faults)


@pytest.mark.parametrize("kind", Kind)
def test_the_rate_is_honoured(kind):
    """Of all lines, about `rate` are faulty: within four standard deviations."""
    lines = [fault for _, fault in faulty(kind, count=2000, seed=13, rate=0.05)]

    assert 66 <= sum(fault is not None for fault in lines) <= 145


def test_the_share_of_skipped_records_is_honoured():
    """Deleted customers are additional lines, reversed events additional events; transactions have neither."""
    skipped = {
        kind: export(kind=kind, count=2000, seed=14, skipped=0.05)[0].skipped
        for kind in (Kind.CUSTOMERS, Kind.EVENTS, Kind.TRANSACTIONS)
    }

    assert 66 <= skipped[Kind.CUSTOMERS] <= 145
    assert 250 <= skipped[Kind.EVENTS] <= 420
    assert skipped[Kind.TRANSACTIONS] == 0


def ids(lines):
    """Yield the ids of the lines that have a readable one."""
    found = set()
    for body in lines:
        try:
            found.add(json.loads(body)["id"])
        except (ValueError, KeyError, TypeError):
            continue
    return found - {None, "", 150342}


def test_faulty_customers_have_no_records_of_other_kinds():
    """Except for duplicates of a good one, the id of a faulty customer is on no other line of any kind."""
    faults = {kind: list(faulty(kind, count=150, seed=15, rate=0.5)) for kind in Kind}
    of_faulty = [body for body, fault in faults[Kind.CUSTOMERS] if fault and fault.what is not Reason.DUPLICATE_ID]
    of_others = [body for kind in (Kind.EVENTS, Kind.TRANSACTIONS) for body, _ in faults[kind]]
    of_good = [body for body, fault in faults[Kind.CUSTOMERS] if fault is None]

    assert len(ids(of_faulty)) > 30
    assert ids(of_faulty).isdisjoint(ids(of_others) | ids(of_good))


def test_faulty_events_belong_to_existing_customers():
    """After its fault is corrected, a faulty line of events can be sent."""
    lines = [body for body, fault in faulty(Kind.EVENTS, count=150, seed=15, rate=0.5) if fault]

    assert ids(lines) <= ids(records(Kind.CUSTOMERS, count=150, seed=15))


def test_a_duplicate_customer_follows_the_original_closely():
    """A program that remembers the ids of the last thousand lines finds every duplicate."""
    last = {}

    for number, (body, fault) in enumerate(faulty(Kind.CUSTOMERS, count=300, seed=16, rate=MOST_MIXED_IN)):
        if fault is None:
            last[json.loads(body)["id"]] = number
        elif fault.what is Reason.DUPLICATE_ID:
            assert number - last[json.loads(body)["id"]] < 1000


@pytest.mark.parametrize("kind", Kind)
def test_the_same_seed_writes_the_same_file(kind):
    """Including the faults and their list."""
    first = export(kind=kind, count=100, seed=17, rate=0.1, skipped=0.1)

    assert first == export(kind=kind, count=100, seed=17, rate=0.1, skipped=0.1)
    assert first != export(kind=kind, count=100, seed=18, rate=0.1, skipped=0.1)


def test_each_record_of_a_clean_export_ends_with_a_newline():
    """For more than one block, and without a stream for the list of faults."""
    stream = io.BytesIO()

    generated = write(stream, None, kind=Kind.EVENTS, count=500, seed=19)

    assert stream.getvalue() == b"".join(body + b"\n" for body in records(Kind.EVENTS, count=500, seed=19))
    assert generated.bytes > BLOCK_BYTES
    assert generated.faulty == generated.skipped == 0


@pytest.mark.parametrize("share", [-0.01, 0.91, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    """A share out of range is an error before anything is written."""
    stream = io.BytesIO()

    with pytest.raises(ValueError, match="share"):
        write(stream, None, kind=Kind.EVENTS, count=1, seed=1, rate=share)
    with pytest.raises(ValueError, match="share"):
        write(stream, None, kind=Kind.EVENTS, count=1, seed=1, skipped=share)
    assert stream.getvalue() == b""
