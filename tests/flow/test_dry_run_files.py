"""The files of a dry run are there for kinds that were read to their end: an empty one means that nothing is wrong."""

from contextlib import ExitStack

import pytest

from masivo_stream.flow.retry_copies import writing_dead_letters
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Rejected

LETTER = Rejected(
    file="c", line=1, offset=0, length=2, reason=Reason.MISSING_FIELD, field="id", message="required", raw=b"{}"
)


def fail(files, letters):
    """Write dead letters, then find the disk full."""
    with ExitStack() as opened:
        files.dead_letters(Kind.EVENTS, opened).append(letters)
        files.skipped(Kind.EVENTS, opened)
        raise StorageError("no space", operation="check")


def test_a_kind_that_could_not_be_read_to_its_end_leaves_no_file(tmp_path):
    """Whether something is in it or not; those of kinds before it stay."""
    with writing_dead_letters(str(tmp_path)) as files:
        with ExitStack() as opened:
            files.dead_letters(Kind.CUSTOMERS, opened).append([LETTER])
            files.skipped(Kind.CUSTOMERS, opened)
        for letters in ([], [LETTER]):
            with pytest.raises(StorageError):
                fail(files, letters)
            assert not [path.name for path in tmp_path.iterdir() if "events" in path.name]
    assert (tmp_path / "dead-letter.customers.ndjson").stat().st_size > 0
    assert (tmp_path / "skipped.customers.ndjson").stat().st_size == 0
