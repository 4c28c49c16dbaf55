"""`masivo-stream revert`."""

import sys
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from masivo_stream.cli.options import Common, Sending, Switch, settings_from
from masivo_stream.model.errors import ConfigurationError


def revert(
    *,
    start: Annotated[str, Parameter(name="--from")],
    end: Annotated[str, Parameter(name="--to")],
    yes: Annotated[bool, Switch] = False,
    sending: Sending | None = None,
    common: Common | None = None,
) -> int:
    """Take back what was migrated in a period: whole customers, with their events and transactions.

    The API takes back only customers that have made no transaction of their own since. Asks before it does so.

    Example: `masivo-stream revert --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z`

    Parameters
    ----------
    start
        Customers migrated after this moment, such as 2026-01-31T00:00:00Z.
    end
        Customers migrated before this moment.
    yes
        Do not ask.
    """
    import anyio

    from masivo_stream.cli.output import print_json
    from masivo_stream.flow.revert import revert as run

    common, sending = common or Common(), sending or Sending()
    settings = settings_from(common, sending)
    credentials = sending.credentials()
    if not yes and not _agreed(start, end, settings.api.base_url):
        raise ConfigurationError(
            "not agreed: nothing was taken back",
            operation="revert a migration",
            hint="answer yes, or give --yes",
        )
    anyio.run(partial(run, settings, credentials=credentials, start=start, end=end))
    if common.json:
        print_json({"schema": 1, "reverted": {"from": start, "to": end}})
    else:
        print(f"taken back: customers migrated from {start} to {end}")  # noqa: T201 - the answer
    return 0


def _agreed(start: str, end: str, base_url: str) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"Take back every customer migrated from {start} to {end} at {base_url}? Type yes: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() == "yes"
