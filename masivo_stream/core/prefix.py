"""The CRC-32 of everything up to the last complete line, whatever the blocks the bytes come in."""

import zlib


class Prefix:
    """Feed the plain bytes of a source in order; `offset` and `crc` speak of its complete lines."""

    def __init__(self, *, offset: int = 0, crc: int = 0) -> None:
        """Go on where `offset` bytes have the CRC `crc`; bytes before it that are fed again do not count twice."""
        self.offset, self.crc = offset, crc
        self._end, self._end_crc = offset, crc

    def feed(self, start: int, block: bytes) -> None:
        """Take a block that begins at byte `start`."""
        known = self._end - start
        if known >= len(block):
            return
        fresh = memoryview(block)[max(0, known) :]
        cut = block.rfind(b"\n") + 1 - (len(block) - len(fresh))
        if cut > 0:
            self.crc = zlib.crc32(fresh[:cut], self._end_crc)
            self.offset = self._end + cut
            self._end_crc = zlib.crc32(fresh[cut:], self.crc)
        else:
            self._end_crc = zlib.crc32(fresh, self._end_crc)
        self._end += len(fresh)

    def finish(self) -> None:
        """Count the bytes after the last newline as well: the source has ended."""
        self.offset, self.crc = self._end, self._end_crc
