"""Where a dry run's dead letters go: the files a migration would write, in a state directory that holds no run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.deadletter import DeadLetterFile
from masivo_stream.edges.statedir import own_state_dir
from masivo_stream.flow.validate import Letters, OpenLetters
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError


@contextmanager
def writing_letters(state_dir: str) -> Iterator[OpenLetters]:
    """Own the directory while a dry run writes its dead letters there.

    Raises:
        ConfigurationError: it cannot be used, or holds a run whose dead letters would be lost.
    """
    with own_state_dir(state_dir) as state:
        if state.journal.exists():
            raise ConfigurationError(
                "the state directory holds a run, and its dead letters would be overwritten",
                operation="open the state directory",
                place=state_dir,
                hint="choose another --state-dir",
            )

        def open_letters(kind: Kind, files: ExitStack) -> Letters:
            letters = DeadLetterFile(state, kind, SystemClock().wall)
            files.callback(letters.close)
            return letters

        yield open_letters
