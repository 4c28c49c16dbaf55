"""Find out whether a run has sent events or transactions of customers that another run migrated.

A revert takes these records back together with the customers, by the time of the customers' migration. The journal of
this run does not know that time.
"""

from contextlib import aclosing
from pathlib import Path

from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.customers import CustomerTable
from masivo_stream.flow.pipeline.accepted import open_accepted_records
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.settings import Settings

OTHERS = (Kind.EVENTS, Kind.TRANSACTIONS)
"""The kinds whose records belong to customers."""


async def has_sent_for_other_runs(journal: JournalReader, settings: Settings, state_dir: Path) -> bool | None:
    """Return whether a run has sent records of customers that it did not migrate; None if its exports cannot be read.

    A revert of all its customers would leave these records, or take them back with others.
    """
    own = CustomerTable(journal.salt())
    try:
        check_no_pipe(journal)
        customers = await open_accepted_records(journal, Kind.CUSTOMERS, settings, state_dir)
        if customers is not None:
            async for part in customers.parts():
                own.add(part.customer)
        own.close()
        for kind in OTHERS:
            others = await open_accepted_records(journal, kind, settings, state_dir)
            if others is not None:
                async with aclosing(others.parts()) as parts:
                    async for part in parts:
                        if part.customer not in own:
                            return True
    except InputError:
        return None
    return False


def check_no_pipe(journal: JournalReader) -> None:
    """Check that none of a run's records came from a pipe.

    Raises:
        InputError: some did, and they cannot be read again.
    """
    for kind in Kind:
        for source in journal.sources(kind):
            if not source.is_copy and decode_identity(source.identity).stream:
                raise InputError(
                    "records from a pipe cannot be read again, so it is not known which of them were taken back",
                    operation="send what was taken back",
                    place=source.name,
                    hint="take back the rest as well, then migrate all records from a file",
                )
