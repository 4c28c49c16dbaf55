"""The checks over all files and the sandbox's rules agree: what the checks let pass is taken, the rest is refused."""

import json
import random

import aiohttp
import pytest
from flow.migration import Migration
from random_exports import RandomExport
from sandbox.client import Client

from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.exports import Exports
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.sandbox import SandboxOptions, running

REFUSED = {"balance_mismatch", "no_balance", "unknown_customer", "duplicate_email", "missing_field", "invalid_value"}
"""Reasons to hold a record back for which the API refuses it, whatever else is there."""

OWN_RULES = {
    "duplicate_id",  # the earlier record is the same, or a dead letter itself
    "split_transactions",  # one line alone may match the balance, and the others never could
    "duplicate_event",  # the API counts it twice
    "customer_not_migrated",  # waits for another record
}
"""Reasons to hold a record back that the API may take."""


@pytest.mark.parametrize("numbers", [range(20), pytest.param(range(20, 200), marks=pytest.mark.slow)])
async def test_no_request_is_refused_and_nothing_is_held_back_in_vain(numbers, tmp_path):
    """Over random exports: the plan's requests are the sandbox's, no 422 comes, and what is held back is refused."""
    seen = set()
    for number in numbers:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with running(SandboxOptions(visible_after=0.0)) as sandbox:
            seen |= await _migrate(RandomExport(random.Random(number)), folder, sandbox)
    assert seen >= {"duplicate_id", "duplicate_email", "balance_mismatch", "unknown_customer", "split_transactions"}
    assert seen <= REFUSED | OWN_RULES


async def _migrate(export, folder, sandbox):
    """Migrate an export as it was planned, then send each dead letter alone; return the reasons of the dead letters."""
    paths = export.write(folder)
    migration = Migration(folder, sandbox)
    planned = await plan(migration.settings, Exports(**{kind: (str(path),) for kind, path in paths.items()}))
    summary = await migration.migrate()
    dead = [letter for kind in reversed(Kind) for letter in _dead_letters(folder, kind)]
    assert len(dead) == sum(each.dead for each in planned.summary.kinds.values())
    assert summary.exit_code == (3 if dead else 0)
    async with aiohttp.ClientSession() as session:
        client = Client(sandbox, session, None)
        noted = (await client.fetch("GET", f"{sandbox.origin}/__sandbox/requests")).json["requests"]
        for kind, of_kind in planned.kinds.items():
            outcomes = [each["outcome"] for each in noted if each["path"] == CONTRACTS[Kind(kind)].path]
            assert outcomes == ["201"] * of_kind.requests
        for letter in dead:
            if letter["reason"] in REFUSED:
                reply = await client.post(Kind(letter["kind"]), json.loads(letter["raw"]))
                assert reply.status == 422, letter
    return {letter["reason"] for letter in dead}


def _dead_letters(folder, kind):
    path = folder / "state" / f"dead-letter.{kind}.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
