"""The list of what is in doubt: one JSON line for each record of which it is not known whether it arrived.

It holds ids of customers. Only the owner may read it (0600 in a 0700 directory).
"""

from collections.abc import Iterable

import msgspec

from masivo_stream.core.dead_letters import replace_surrogates
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.model.contract import Kind
from masivo_stream.model.results import Entry

_encode = msgspec.json.Encoder().encode


class InDoubtFile:
    """The list of one kind; the whole file is rewritten at each change."""

    def __init__(self, directory: StateDir, kind: Kind, *, batches: Iterable[str] = ()) -> None:
        """Go on with the lines of `batches` that an earlier process wrote.

        Raises:
            StorageError: the list cannot be written.
        """
        self._directory = directory
        self._name = f"in-doubt.{kind}.ndjson"
        known = set(batches)
        found = directory.read(self._name).splitlines(keepends=True)
        self._lines = [line for line in found if _batch_of(line) in known]
        self.listed = {_batch_of(line) for line in self._lines}
        if len(self._lines) < len(found):  # decided, but the process died before it rewrote the list
            self._write()

    def add(self, batch: str, entries: Iterable[Entry]) -> None:
        """Add a batch's records.

        Raises:
            StorageError: the list cannot be written.
        """
        for entry in entries:
            file, line = entry.record
            fields = {"batch": batch, "file": file, "line": line, "customer": replace_surrogates(entry.customer)}
            items = entry.indexes if entry.retried is None else entry.retried.name_items(entry.indexes)
            if items is not None:
                fields["items"] = items
            self._lines.append(_encode(fields) + b"\n")
        self._write()

    def remove(self, batch: str) -> None:
        """Remove a batch's records from the list: their outcome is known.

        Raises:
            StorageError: the list cannot be written.
        """
        self._lines = [line for line in self._lines if _batch_of(line) != batch]
        self._write()

    def _write(self) -> None:
        self._directory.write(self._name, b"".join(self._lines))


def _batch_of(line: bytes) -> str | None:
    """Return the batch that a line names, None for a torn or foreign line."""
    try:
        return msgspec.json.decode(line, type=_Listed).batch
    except ValueError:
        return None


class _Listed(msgspec.Struct):
    batch: str
