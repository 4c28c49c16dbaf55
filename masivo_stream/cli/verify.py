"""`masivo-stream verify`."""

from functools import partial
from typing import Annotated

from cyclopts import Parameter

from masivo_stream.cli.options import (
    AccountFlags,
    CommonFlags,
    RelocationFlags,
    SendingFlags,
    Switch,
    ValidationFlags,
    settings_from,
)
from masivo_stream.model.errors import ConfigurationError


def verify(
    *,
    sample: int | None = None,
    everything: Annotated[bool, Switch, Parameter(name="--all")] = False,
    seed: int = 1,
    judging: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    accounts: AccountFlags | None = None,
    relocation: RelocationFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Read back what was accepted, and say what of it is confirmed, missing, or different.

    Customers by their wallet, email, date of registration and metrics; events by the metrics they recalculate;
    transactions one by one. Costs one request a record, one a year for transactions, under --general-limit.

    Ends with 0 if all that was looked at is confirmed, with 3 if something is missing or different, with 6 if something
    does not show yet or could not be read.

    Example: `masivo-stream verify --sample 100 --state-dir masivo-state`

    Parameters
    ----------
    sample
        Records of each kind to look at, each as likely as any other. Default: 20.
    everything
        Look at every accepted record.
    seed
        The same seed looks at the same records.
    """
    import anyio

    from masivo_stream.cli.output import show_verification, watching
    from masivo_stream.flow.commands.verify import SAMPLE
    from masivo_stream.flow.commands.verify import verify as run

    common, sending = common or CommonFlags(), sending or SendingFlags()
    if (sample is not None and everything) or (sample is not None and sample < 1):
        raise ConfigurationError(
            "there is no such sample", operation="read the command", hint="--sample 1 or more, or --all"
        )
    settings = settings_from(common, judging, sending)
    with watching(settings.log, quiet=common.quiet, warnings_only=True) as observer:
        found = anyio.run(
            partial(
                run,
                settings,
                credentials=sending.credentials(),
                sample=None if everything else sample or SAMPLE,
                seed=seed,
                moved=(relocation or RelocationFlags()).moved or (),
                observer=observer,
                handle_signals=True,
                said=(accounts or AccountFlags()).said(),
            )
        )
    return show_verification(found, json=common.json)
