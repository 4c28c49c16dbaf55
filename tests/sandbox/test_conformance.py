"""Schemathesis reads the served document and searches for requests that break it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from sandbox import made
from sandbox.client import Client

EXCLUDED = (
    "positive_data_acceptance,"  # JSON Schema cannot express rules about the account (known customers, balances)
    "allow_header_conformance"  # for GET, /customers/migrate is also the path of a customer
)


async def schemathesis(client: Client, directory: Path, *arguments: str) -> tuple[int, str]:
    """Run the tool against a sandbox; return its exit code and its output."""
    config = directory / "schemathesis.toml"
    config.write_text('[parameters]\n"path.id" = "known"\n')
    headers = {"Authorization": f"Bearer {await client.token()}", "x-api-key": client.sandbox.api_key}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
        client.sandbox.origin + "/openapi.json",
        *(part for name, value in headers.items() for part in ("--header", f"{name}: {value}")),
        *("--exclude-checks", EXCLUDED, "--generation-deterministic", "--suppress-health-check", "all"),
        *("--no-color", "--warnings", "off"),
        *arguments,
        cwd=directory,
        env={**os.environ, "PYTHONWARNINGS": "default"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.slow
async def test_the_sandbox_keeps_what_its_document_promises(start, clock, tmp_path):
    """No 5xx, only documented statuses and shapes, and no accepted request that the schemas forbid."""
    client = await start(token_lifetime=100_000)
    await client.migrated(made.customer("known", metadata={"a": 1}, balance=made.balance(3)))
    await client.events(made.events("known", "p"))
    await client.transactions(made.transactions("known", 5, -2))
    clock.advance(2)
    code, said = await schemathesis(client, tmp_path, "--phases", "coverage,fuzzing", "--max-examples", "3")
    assert code == 0, said
    requests = client.ledger().requests
    assert requests["read"]["200"] > 1, "the known customer was never shown: " + said
    assert requests["customers"]["201"] > 1, "no customer was accepted: " + said


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["status=500,on=read", "status=418,on=read", "html,on=read", "empty,on=read"])
async def test_a_broken_promise_is_found(start, tmp_path, fault):
    """The test above would notice a wrong status, type or shape."""
    client = await start(fault, token_lifetime=100_000)
    await client.migrated(made.customer("known"))
    arguments = ("--phases", "coverage", "--include-path", "/customers/{id}", "--max-failures", "1")
    code, said = await schemathesis(client, tmp_path, *arguments)
    assert code == 1, said
