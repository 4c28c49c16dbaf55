"""The extent of a kind's exports: how much text there is, and how much of it lies before a place."""

from collections.abc import Sequence

from masivo_stream.edges.export.source import is_plain_file
from masivo_stream.flow.pipeline.read import Source
from masivo_stream.model.results import Position


class Extent:
    """Of all sources of a kind, also of those that are done with."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Measure the files; what a file has grown by is a source of its own, and counts once."""
        self._sources = sources
        self._known = all(is_plain_file(source.input) for source in sources)

    @property
    def size(self) -> int:
        """Bytes of text in all of them; 0 where that is not known."""
        return sum(map(self._length, self._sources)) if self._known else 0

    def before(self, place: Position) -> int:
        """Return the bytes of text before a place, as far as they are known."""
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
