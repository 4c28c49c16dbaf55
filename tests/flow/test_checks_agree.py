"""The checks over all files and the sandbox's rules agree: what the checks let pass is taken, the rest is refused."""

import json
import os
import random

import aiohttp
import pytest
from flow.migration import Migration
from random_exports import RandomExport
from sandbox.client import Client

from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.exports import Exports
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.sandbox import SandboxOptions, running

SHARE = 2 if "CI" in os.environ else 1
"""CI draws the same exports every time, so it draws half of them."""

REFUSED = {"balance_mismatch", "no_balance", "unknown_customer", "duplicate_email", "missing_field", "invalid_value"}
"""Reasons to hold a record back for which the API refuses it, whatever else is there."""

OWN_RULES = {
    "duplicate_id",  # the earlier record is the same, or a dead letter itself
    "split_transactions",  # one line alone may match the balance, and the others never could
    "duplicate_event",  # the API counts it twice
    "customer_not_migrated",  # waits for another record
    "invalid_utf8",
    "duplicate_field",
    "invalid_json",
    "wrong_type",
}
"""Reasons to hold a record back that the API may take."""


@pytest.mark.parametrize("numbers", [range(20), pytest.param(range(20, 200 // SHARE), marks=pytest.mark.slow)])
async def test_no_request_is_refused_and_nothing_is_held_back_in_vain(numbers, tmp_path):
    """Over random exports: the plan's requests are the sandbox's, no 422 comes, and what is held back is refused."""
    seen = set()
    for number in numbers:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with running(SandboxOptions(visible_after=0.0)) as sandbox:
            migration, planned = await _plan(RandomExport(random.Random(number)), folder, sandbox)
            dead = await _migrate(migration, planned, sandbox)
            await _send_alone([letter for letter in dead if letter["reason"] in REFUSED], sandbox)
            seen |= {letter["reason"] for letter in dead}
    assert seen >= {"invalid_utf8", "duplicate_field", "customer_not_migrated"}
    assert seen >= {"duplicate_id", "duplicate_email", "balance_mismatch", "unknown_customer", "split_transactions"}
    assert seen <= REFUSED | OWN_RULES


@pytest.mark.parametrize("numbers", [range(20), pytest.param(range(20, 100 // SHARE), marks=pytest.mark.slow)])
async def test_the_requests_of_a_canary_are_planned(numbers, tmp_path):
    """Over random exports: the plan names the records that go first, and its requests are the sandbox's."""
    kinds = set()
    for number in numbers:
        folder = tmp_path / str(number)
        folder.mkdir()
        chance = random.Random(number)
        flags = {"canary": True, "max_body_bytes": chance.choice((2000, 4_000_000))}
        async with running(SandboxOptions(visible_after=0.0)) as sandbox:
            migration, planned = await _plan(RandomExport(chance), folder, sandbox, **flags)
            if planned.canary:
                await _migrate(migration, planned, sandbox, **flags)
            else:
                assert any("fit to be sent first as a canary" in warning for warning in planned.warnings)
                with pytest.raises(ConfigurationError, match="fit to be sent first as a canary"):
                    await migration.migrate(**flags)
            kinds.add(tuple(record.kind for record in planned.canary))
    assert kinds >= {tuple(Kind), (Kind.CUSTOMERS, Kind.TRANSACTIONS)}


async def _plan(export, folder, sandbox, **flags):
    """Write an export and plan its migration; return both."""
    paths = export.write(folder)
    migration = Migration(folder, sandbox)
    named = Exports(**{kind: (str(path),) for kind, path in paths.items()})
    return migration, await plan(migration.settings_with(**flags), named)


async def _migrate(migration, planned, sandbox, **flags):
    """Migrate an export as it was planned; return its dead letters, those of later kinds first."""
    summary = await migration.migrate(**flags)
    dead = [letter for kind in reversed(Kind) for letter in _dead_letters(migration.folder, kind)]
    assert len(dead) == sum(each.dead for each in planned.summary.kinds.values())
    assert summary.exit_code == (3 if dead else 0)
    if planned.canary:
        sent_first = [(record.kind, record.file, record.line) for record in summary.canary.records]
        assert sent_first == [(record.kind, record.file, record.line) for record in planned.canary]
    async with aiohttp.ClientSession() as session:
        client = Client(sandbox, session, None)
        noted = (await client.fetch("GET", f"{sandbox.origin}/__sandbox/requests")).json["requests"]
    for kind, of_kind in planned.kinds.items():
        outcomes = [each["outcome"] for each in noted if each["path"] == CONTRACTS[Kind(kind)].path]
        assert outcomes == ["201"] * of_kind.requests
    return dead


async def _send_alone(letters, sandbox):
    """Send dead letters, each alone: the API refuses them."""
    async with aiohttp.ClientSession() as session:
        client = Client(sandbox, session, None)
        for letter in letters:
            reply = await client.post(Kind(letter["kind"]), json.loads(letter["raw"]))
            assert reply.status == 422, letter


def _dead_letters(folder, kind):
    path = folder / "state" / f"dead-letter.{kind}.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
