import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.edges.workers.frames import SPAN_BYTES, question, span_of
from masivo_stream.edges.workers.shared_memory import SharedMemory, SharedMemoryView

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory is shared on Linux alone")


@given(st.data())
def test_a_block_stays_until_it_is_released(data):
    with closing(SharedMemory(3, 10)) as memory:
        view, there = SharedMemoryView(os.dup(memory.descriptor)), {}
        for _ in range(data.draw(st.integers(0, 12))):
            if there and data.draw(st.booleans()):
                span = data.draw(st.sampled_from(list(there)))
                del there[span]
                memory.clear(span)
            else:
                content = data.draw(st.binary(max_size=12))
                span = memory.put(content)
                assert (span is None) == (len(content) > 10 or len(there) == 3)
                if span is not None:
                    there[span] = content
            assert {span: view.read(span) for span in there} == there


def test_the_memory_has_no_name():
    with closing(SharedMemory(1, 10)) as memory:
        assert "(deleted)" in str(Path(f"/proc/self/fd/{memory.descriptor}").readlink())


@pytest.mark.parametrize("content", [b"", b"x" * 30])
def test_a_request_is_in_the_memory_or_in_its_frame(content):
    with closing(SharedMemory(1, 100)) as memory:
        span = memory.put(content)
        assert span_of(question(content, span)) == (span, 0)
        inline = question(content, memory.put(content))  # there is no second slot
        assert span_of(inline[:SPAN_BYTES]) == (None, len(content))
        assert inline[SPAN_BYTES:] == content
