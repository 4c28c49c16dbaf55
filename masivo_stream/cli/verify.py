"""`masivo-stream verify`."""

import sys
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
    from masivo_stream.flow.readback.totals_choice import TotalsChoice
    from masivo_stream.model.notices import Notice


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


@Parameter(name="*")
@dataclass(kw_only=True)
class TotalsFlags:
    """How totals are compared by day."""

    totals: Annotated[bool, Switch] = False
    "Compare counts and sums of transactions by day and reward instead: a request per thousand transactions."
    most_requests: int | None = None
    "With --totals: compare a sample of days that needs no more requests. Default: 200; --all for all days."
    day_zone: str | None = None
    "With --totals: time zone of the account's days, such as -05:00. Default: UTC."
    reward: str | None = None
    "With --totals: compare this reward only."
    brand: str | None = None
    "With --totals: compare this brand only."

    def choice(self, sample: SampleFlags) -> "TotalsChoice | None":
        """Return what to compare; None if totals are not to be compared.

        Raises:
            ConfigurationError: the flags contradict each other.
        """
        from masivo_stream.flow.readback.totals_choice import MOST_REQUESTS, TotalsChoice

        if not self.totals:
            if any(each is not None for each in (self.most_requests, self.day_zone, self.reward, self.brand)):
                raise ConfigurationError(
                    "--most-requests, --day-zone, --reward and --brand choose totals",
                    operation="read the command",
                    hint="add --totals",
                )
            return None
        if sample.sample is not None or (sample.everything and self.most_requests is not None):
            raise ConfigurationError(
                "these flags contradict each other",
                operation="read the command",
                hint="with --totals, use --most-requests or --all",
            )
        most = MOST_REQUESTS if self.most_requests is None else self.most_requests
        return TotalsChoice(
            most_requests=None if sample.everything else most,
            seed=sample.seed,
            zone=self.day_zone or "+00:00",
            reward=self.reward or "",
            brand=self.brand or "",
        )


def verify(
    *,
    sample: SampleFlags | None = None,
    totals: TotalsFlags | None = None,
    confirmations: ConfirmationFlags | None = None,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Read back what was accepted, and report what is confirmed, missing, or different.

    Customers are compared by wallet, email, date of registration and metrics; events by the metrics they recalculate;
    transactions one by one. Costs one request per record, for transactions one per year, under --general-limit. With
    --totals, counts and sums of transactions are compared by day and reward: one request per thousand transactions.

    Ends with 0 if everything that was read back is confirmed, with 3 if something is missing or different, with 6 if
    something does not show yet or could not be read.

    Example: `masivo-stream verify --sample 100 --state-dir masivo-state`
    """
    import anyio

    from masivo_stream.cli.output import show_totals, show_verification
    from masivo_stream.cli.progress import showing_work_and_log
    from masivo_stream.flow.commands import verify as command
    from masivo_stream.flow.commands.verify_totals import verify_totals
    from masivo_stream.flow.observer import Observers

    common, sending = common or CommonFlags(), sending or SendingFlags()
    sample = sample or SampleFlags()
    drawn, choice = sample.drawn(), (totals or TotalsFlags()).choice(sample)
    settings = settings_from(common, validation, sending)
    shared = (settings, sending.credentials(common))
    confirmed = (confirmations or ConfirmationFlags()).confirmed()
    if choice is not None:
        with showing_work_and_log(settings.log, quiet=common.quiet, warnings_only=False) as observer:
            compare = partial(
                verify_totals,
                *shared,
                choice=choice,
                confirmations=confirmed,
                observer=Observers([observer, *([] if common.quiet else [SayDays()])]),
                handle_signals=True,
            )
            compared = anyio.run(compare)
        return show_totals(compared, json=common.json)
    with showing_work_and_log(settings.log, quiet=common.quiet) as observer:
        work = partial(
            command.verify, *shared, sample=drawn, confirmations=confirmed, observer=observer, handle_signals=True
        )
        found = anyio.run(work)
    return show_verification(found, json=common.json)


class SayDays:
    """On a terminal, writes how many requests a comparison of totals takes, before the first one."""

    def __init__(self) -> None:
        """Write nothing yet."""
        self._said = not sys.stderr.isatty()

    def notify(self, notice: "Notice") -> None:
        """Write the first notice about days."""
        from masivo_stream.model.notices import TotalsProgressed

        if isinstance(notice, TotalsProgressed) and not self._said:
            self._said = True
            days = f"{notice.of:,} of {notice.all_days:,} days"
            sys.stderr.write(f"comparing {days}: {notice.requests_needed:,} requests, more if the account has more\n")
