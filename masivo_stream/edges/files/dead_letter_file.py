"""The dead-letter file: one JSON line for each record that is not sent as it is.

It holds personal data: the export's own bytes. Only the owner may read it (0600 in a 0700 directory).
"""

import os
from collections.abc import Callable, Iterable
from datetime import datetime

from masivo_stream.core.dead_letters import write_dead_letter
from masivo_stream.edges.files.counted_file import CountedFile, checksum
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.results import Rejected


def dead_letter_name(kind: Kind) -> str:
    """Return the name of a kind's dead-letter file."""
    return f"dead-letter.{kind}.ndjson"


class DeadLetterFile(CountedFile):
    """Append dead letters of one kind."""

    def __init__(
        self, directory: StateDir, kind: Kind, wall: Callable[[], datetime], *, length: int = 0, crc: int = 0
    ) -> None:
        """Go on after the first `length` bytes, whose CRC-32 is `crc`; what follows them was never counted.

        Raises:
            ConfigurationError: these bytes are not there any more: a person has edited records in the file.
            StorageError: the file cannot be opened.
        """
        self._kind, self._wall, name = kind, wall, dead_letter_name(kind)
        file = directory.open_append(name)
        if checksum(file, length) != (length, crc):
            os.close(file)
            raise ConfigurationError(
                "the dead letters were edited after the run wrote them",
                operation="open the dead letters",
                place=name,
                hint="masivo-stream retry sends the corrected ones and continues the run; otherwise restore the file",
            )
        super().__init__(
            file,
            length,
            crc,
            StorageError(
                "cannot write dead letters",
                operation="write dead letters",
                place=str(directory.path / name),
                hint="free up disk space in the state directory, then start again with the same command",
            ),
        )

    def append(self, dead_letters: Iterable[Rejected]) -> None:
        """Write the lines of dead letters.

        Raises:
            StorageError: not all of them could be written; then nothing is, so that the file holds whole lines only.
        """
        at = self._wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.write(write_dead_letter(self._kind, dead_letter, at) for dead_letter in dead_letters)
        self.count()
