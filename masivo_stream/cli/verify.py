"""`masivo-stream verify`."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from masivo_stream.cli.options import (
    CommonFlags,
    ConfirmationFlags,
    SendingFlags,
    Switch,
    ValidationFlags,
    settings_from,
)
from masivo_stream.model.errors import ConfigurationError

if TYPE_CHECKING:
    from masivo_stream.flow.commands.verify import Sample


@Parameter(name="*")
@dataclass(kw_only=True)
class SampleFlags:
    """Which records are read back."""

    sample: int | None = None
    "Records of each kind to read back, chosen at random. Default: 20."
    everything: Annotated[bool, Switch, Parameter(name="--all")] = False
    "Read back every accepted record."
    seed: int = 1
    "The same seed chooses the same records."

    def drawn(self) -> "Sample | None":
        """Return the sample; None for all records.

        Raises:
            ConfigurationError: the flags contradict each other, or the number is below 1.
        """
        from masivo_stream.flow.commands.verify import SMALL_SAMPLE, Sample

        if self.sample is not None and (self.everything or self.sample < 1):
            raise ConfigurationError(
                "this sample is not possible", operation="read the command", hint="use --sample of 1 or more, or --all"
            )
        return None if self.everything else Sample(records=self.sample or SMALL_SAMPLE.records, seed=self.seed)


def verify(
    *,
    sample: SampleFlags | None = None,
    confirmations: ConfirmationFlags | None = None,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Read back what was accepted, and report what is confirmed, missing, or different.

    Customers are compared by wallet, email, date of registration and metrics; events by the metrics they recalculate;
    transactions one by one. Costs one request per record, for transactions one per year, under --general-limit.

    Ends with 0 if everything that was read back is confirmed, with 3 if something is missing or different, with 6 if
    something does not show yet or could not be read.

    Example: `masivo-stream verify --sample 100 --state-dir masivo-state`
    """
    import anyio

    from masivo_stream.cli.output import show_verification, watching
    from masivo_stream.flow.commands import verify as command

    common, sending = common or CommonFlags(), sending or SendingFlags()
    drawn = (sample or SampleFlags()).drawn()
    settings = settings_from(common, validation, sending)
    with watching(settings.log, quiet=common.quiet, warnings_only=True) as observer:
        work = partial(
            command.verify,
            settings,
            sending.credentials(),
            sample=drawn,
            confirmations=(confirmations or ConfirmationFlags()).confirmed(),
            observer=observer,
            handle_signals=True,
        )
        found = anyio.run(work)
    return show_verification(found, json=common.json)
