"""The journal: what is on the wire, each outcome, how far reading has come. SQLite, one writer, no personal data.

Durable means `synchronous=FULL` in WAL mode: a commit is on the disk when it returns (SQLite docs, "Write-Ahead
Logging" and PRAGMA synchronous). Rules that carry the delivery guarantee:

* A batch is noted as `sending` before its first byte. If a restart finds it so, it is not known whether it was applied:
  customers are unanswered and sent again, events and transactions are in doubt.
* An outcome is one transaction with the figures it changes and the dead letters it makes.
* The dead-letter file is made durable before the commit that counts its lines; a restart cuts what is longer.
* Reading resumes at the checkpoint, the lowest line without an outcome; lines after it that have one are in
  `Resume.covered`. A batch that was never on the wire leaves no trace: its lines are simply read again.
* A disk that is full stops new requests. An outcome is worth waiting for: it is tried again for a while.

Commits of several uploaders that come together become one (group commit), in a thread, so that the event loop goes on.
A batch costs some 4 KB of the file: its places, forgotten when the checkpoint has passed them, and a row that stays.
For a batch of customers the row keeps the lines (`core.accounting.spans`), for a revert takes customers back by their
time.

The files: `open` opens, creates and upgrades; `schema` has the tables; `write` changes them; `read` and `history`
answer questions; `commit` makes changes durable; `errors` translates failures.
"""

from masivo_stream.edges.journal.history import JournalHistory
from masivo_stream.edges.journal.open import open_journal
from masivo_stream.edges.journal.read import JournalReader
from masivo_stream.edges.journal.short_disk import why_not
from masivo_stream.edges.journal.write import Journal

__all__ = ["Journal", "JournalHistory", "JournalReader", "open_journal", "why_not"]
