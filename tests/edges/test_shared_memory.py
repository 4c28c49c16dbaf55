import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.edges.workers.frames import SPOT_BYTES, question, spot_of
from masivo_stream.edges.workers.shared_memory import SharedMemory, SharedMemoryView

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory is shared on Linux alone")


@given(st.data())
def test_what_was_put_down_stays_until_it_is_taken_away(data):
    with closing(SharedMemory(3, 10)) as arena:
        view, there = SharedMemoryView(os.dup(arena.descriptor)), {}
        for _ in range(data.draw(st.integers(0, 12))):
            if there and data.draw(st.booleans()):
                spot = data.draw(st.sampled_from(list(there)))
                del there[spot]
                arena.clear(spot)
            else:
                content = data.draw(st.binary(max_size=12))
                spot = arena.put(content)
                assert (spot is None) == (len(content) > 10 or len(there) == 3)
                if spot is not None:
                    there[spot] = content
            assert {spot: view.read(spot) for spot in there} == there


def test_it_has_no_name():
    with closing(SharedMemory(1, 10)) as arena:
        assert "(deleted)" in str(Path(f"/proc/self/fd/{arena.descriptor}").readlink())


@pytest.mark.parametrize("content", [b"", b"x" * 30])
def test_a_question_stands_in_the_arena_or_in_its_frame(content):
    with closing(SharedMemory(1, 100)) as arena:
        spot = arena.put(content)
        assert spot_of(question(content, spot)) == (spot, 0)
        inline = question(content, arena.put(content))  # there is no second slot
        assert spot_of(inline[:SPOT_BYTES]) == (None, len(content))
        assert inline[SPOT_BYTES:] == content
