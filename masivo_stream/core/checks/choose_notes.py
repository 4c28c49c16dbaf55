"""Choose the notes of one part that may say something, by an extension in C; without it, all notes are looked at.

The extension (`_remarkable.c`, with its theory of operation) is built when the package is installed, if there is a C
compiler. Law: in the notes that it chooses, the same is found as in all notes.
"""

from array import array

from masivo_stream.core.checks.note_format import Lines, Tag

_INTERFACE = 1
"""An extension with another one was built from other sources, and is not used."""
_FITS = False
try:
    from masivo_stream.core.checks import _remarkable
except ImportError:  # it was not built, or does not fit this Python
    pass
else:
    _FITS = _remarkable.INTERFACE == _INTERFACE


class NoteChooser:
    """Chooses notes."""

    def __init__(self, *, pure_python: bool = False) -> None:
        """Choose by the extension, if there is one; `pure_python`: choose all notes."""
        self.chooses = _FITS and not pure_python
        """Whether notes are chosen. If not, nothing else here may be called."""

    def remarkable(self, words: "array[int]", dead: Lines, *, customers: bool, transactions: bool) -> list[int]:
        """Return the indexes of notes in which `find.find` may find something, ascending."""
        return _remarkable.remarkable(words, dead.wheres, customers, transactions)

    def repeated(self, words: "array[int]", one: Tag, other: Tag) -> list[int]:
        """Return the indexes of notes with these tags whose key occurs more than once among them, ascending."""
        return _remarkable.repeated(words, one, other)

    def count(self, words: "array[int]", one: Tag, other: Tag) -> int:
        """Return how many different keys the notes with these tags have."""
        return _remarkable.count(words, one, other)


ALL_NOTES = NoteChooser(pure_python=True)
