"""Read back a sample at the end of a migration: some of the records that it sent.

The sample changes neither figures nor outcome, and it ends in time, whatever the server does. A record that does not
show yet is no failure. A signal ends only the sample, since the migration is over.
"""

from collections.abc import Mapping, Sequence

import anyio

from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.readback.check import ReadBackCheck, find_span
from masivo_stream.flow.readback.findings import Findings
from masivo_stream.flow.stop import SharedSignals, StopControl, work_under
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError, OutageError
from masivo_stream.model.ports import Clock, TransactionReader
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.verification import Verified


async def read_back_samples(
    samples: Mapping[Kind, Sequence[Entry]],
    *,
    settings: Settings,
    journal: JournalReader,
    reader: TransactionReader,
    clock: Clock,
    observer: Observer,
    handle_signals: bool | SharedSignals,
) -> Verified:
    """Read each kind's sample back, for at most `events_settle` and the time of one request."""
    stop, findings = StopControl(clock, drain_time=0), Findings()

    async def check_samples() -> None:
        for kind, entries in samples.items():
            span = find_span(journal, kind)
            if span is None:
                continue
            check = ReadBackCheck(kind, span, reader=reader, clock=clock, settings=settings.visible, thorough=False)
            findings.begin(check)
            for entry in sorted(entries, key=lambda entry: entry.place):
                findings.note(check, entry, await check.check(entry))

    async def check_for_a_while() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_give_up, stop, clock, settings.visible.events_settle + settings.api.request_timeout)
            try:
                await check_samples()
            except MasivoStreamError as error:  # such as: the API does not let us read
                stop.begin(error)
            tasks.cancel_scope.cancel()

    await work_under(stop, check_for_a_while, observer=observer, handle_signals=handle_signals)
    return Verified(
        kinds=findings.kinds, findings=findings.places, message=str(stop.cause) if stop.cause is not None else ""
    )


async def _give_up(stop: StopControl, clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
    stop.begin(
        OutageError(f"not all records could be read back within {seconds:.0f} s", operation="read a sample back")
    )
