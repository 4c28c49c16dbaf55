"""Strangers: customers of whom a run has sent events or transactions, and whom another run migrated.

A revert takes back what is theirs together with them, by the time of their migration, which no journal here knows.
"""

from contextlib import aclosing
from pathlib import Path

from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.customers.table import CustomerTable
from masivo_stream.flow.pipeline.accepted import open_accepted_records
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.settings import Settings

OTHERS = (Kind.EVENTS, Kind.TRANSACTIONS)


async def has_sent_for_other_runs(journal: JournalReader, settings: Settings, state_dir: Path) -> bool | None:
    """Tell whether a run has sent anything of customers whom it did not migrate; None where its exports do not tell.

    A revert of all its customers would leave that, or take it back with others.
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
    """Check that nothing came from a pipe.

    Raises:
        InputError: something did, and cannot be read again.
    """
    for kind in Kind:
        for source in journal.sources(kind):
            if not source.letters and decode_identity(source.identity).stream:
                raise InputError(
                    "what came from a pipe cannot be read again, so what was taken back of it is not known",
                    operation="send what was taken back",
                    place=source.name,
                    hint="take back the rest as well, then migrate all of it from a file",
                )
