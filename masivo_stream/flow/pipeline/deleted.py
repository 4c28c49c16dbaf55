"""Find customers that were skipped as deleted on one line, but accepted by another line, before the next kind begins.

This is needed only if an earlier record of such a customer may be forgotten: after a restart within the customers, or
if there are more customers than are remembered. Then the customers exports are read and validated once more, at the
speed of `validate`.
"""

from contextlib import aclosing
from pathlib import Path

from masivo_stream.core.accounting.missing import MissingCustomers, hash_customer
from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.journal import Journal
from masivo_stream.flow.pipeline.accepted import open_accepted_records
from masivo_stream.model.contract import Kind
from masivo_stream.model.settings import Settings


async def confirm_deleted(journal: Journal, settings: Settings, state_dir: Path) -> None:
    """Note which customers are not deleted after all, if that is not known for certain.

    Raises:
        InputError: a customers export cannot be read again.
        StorageError: the journal cannot be written.
    """
    if not journal.read.is_unsure():
        return
    salt = journal.read.salt()
    hashes = journal.read.gone_customers()
    if any(decode_identity(source.identity).stream for source in journal.read.sources(Kind.CUSTOMERS)):
        await journal.note_alive(hashes)  # a pipe cannot be read again: no customer counts as deleted
        return
    gone, alive = MissingCustomers(gone=hashes, salt=salt), set[int]()
    accepted = await open_accepted_records(journal.read, Kind.CUSTOMERS, settings, state_dir)
    if accepted is not None:
        async with aclosing(accepted.blocks()) as blocks:
            async for entries in blocks:
                alive.update(
                    hash_customer(entry.customer, salt)
                    for entry in entries
                    if entry.customer in gone and accepted.part(entry) is not None
                )
    await journal.note_alive(sorted(alive))
