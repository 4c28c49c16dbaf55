"""`masivo-stream resolve`."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from masivo_stream.cli.ask import agreed, is_asked
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
    from masivo_stream.flow.commands.resolve import Decisions

Batches = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]


@Parameter(name="*")
@dataclass(kw_only=True)
class DecisionFlags:
    """Decisions about batches in doubt."""

    accept: Batches = None
    "Batches that arrived: ids, beginnings of ids, or all."
    discard: Batches = None
    "Batches to give up. Their records become dead letters."
    resend: Batches = None
    "Batches to send again, byte for byte. Asks first on a terminal. Refused if their records are in the account."
    reason: str = ""
    "Why you decide so. It is journalled with the time and your name."
    yes: Annotated[bool, Switch] = False
    "Do not ask."

    def decided(self) -> "Decisions":
        """Return the decisions.

        Raises:
            ConfigurationError: a person was asked whether to send again, and did not agree.
        """
        from masivo_stream.flow.commands.resolve import Decisions

        if self.resend and not self.yes and not _agreed(self.resend):
            raise ConfigurationError(
                "not confirmed: nothing was sent", operation="send a batch again", hint="answer yes, or give --yes"
            )
        return Decisions(
            accept=tuple(self.accept or ()),
            discard=tuple(self.discard or ()),
            resend=tuple(self.resend or ()),
            reason=self.reason,
        )


def resolve(
    *,
    decisions: DecisionFlags | None = None,
    confirmations: ConfirmationFlags | None = None,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Show what is known about the batches in doubt, or decide about them.

    Ends with 4 if a batch is in doubt, with 3 if there are dead letters, else with 0.

    Example: `masivo-stream resolve --accept 3f2a --reason "seen in the dashboard"`
    """
    import anyio

    from masivo_stream.cli.output import print_json, show_resolution
    from masivo_stream.cli.progress import showing_work_and_log
    from masivo_stream.cli.reporting import reporting
    from masivo_stream.flow.commands import resolve as command
    from masivo_stream.flow.runtime import Runtime

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, validation, sending)
    decided = (decisions or DecisionFlags()).decided()
    with showing_work_and_log(settings.log, quiet=common.quiet) as observer:
        work = partial(
            command.resolve,
            settings,
            sending.credentials(common),
            decided,
            confirmations=(confirmations or ConfirmationFlags()).confirmed(),
            observer=observer,
            handle_signals=True,
            runtime=Runtime(reporting=reporting("resolve", (validation, sending, common))),
        )
        found = anyio.run(work)
    return print_json(found, found.exit_code) if common.json else show_resolution(found)


def _agreed(batches: list[str]) -> bool:
    """Return whether a person agrees. A script that names batches has decided already."""
    return not is_asked() or agreed(f"Send {', '.join(batches)} again? What was already applied then counts twice.")
