"""The inputs of a run: where to begin in each of them, and how much text all of them hold."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from masivo_stream.edges.export.source import Input, is_plain_file
from masivo_stream.model.progress import START
from masivo_stream.model.results import Position


class Source(Struct, frozen=True):
    """An input and where to begin in it."""

    input: Input
    number: int = 0
    start: Position = START
    known: tuple[int, int] = (0, 0)
    """The read position of an earlier process in bytes, and the CRC-32 of the bytes before it."""
    is_copy: bool = False
    """Whether it is a copy in the state directory: of dead letters, made by a retry, or of records taken back."""
    begin: Position = START
    """Its first line. It is not the first of the file if this source is what a file has grown by."""
    end: int | None = None
    """The offset at which it ends, if what the file has grown by is a source of its own."""
    settled: frozenset[int] = frozenset()
    """Lines that are read once more and not validated, because every part of them has an outcome."""

    @property
    def name(self) -> str:
        """The name in its entries; for a copy in the state directory the file's name without the directory."""
        return self.input.name.rpartition("/")[2] if self.is_copy else self.input.name


def number_sources(inputs: Iterable[Input]) -> list[Source]:
    """Return inputs as a run that begins with them numbers them."""
    return [Source(found, number) for number, found in enumerate(inputs)]


class Extent:
    """How much text the sources of a kind hold, including those that are done with."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Measure the files; what a file has grown by is a source of its own, and counts once."""
        self._sources = sources
        self._known = all(is_plain_file(source.input) for source in sources)

    @property
    def size(self) -> int:
        """Bytes of text in all of them; 0 if that is not known."""
        return sum(map(self._length, self._sources)) if self._known else 0

    def before(self, place: Position) -> int:
        """Return the bytes of text before a position; for files of unknown size those that were read."""
        known = sum(self._length(source) for source in self._sources if source.number < place.source)
        return known + sum(
            max(0, place.offset - source.begin.offset) for source in self._sources if source.number == place.source
        )

    def _length(self, source: Source) -> int:
        grown = [
            other.begin.offset
            for other in self._sources
            if other.number > source.number and other.input.path == source.input.path
        ]
        return max(0, min([source.input.size, *grown]) - source.begin.offset)
