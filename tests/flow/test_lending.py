"""If the workers have enough to do, the process that reads validates, too; results keep the order of the lines."""

import pytest
from core.made import as_bytes, customer, decoder

from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.core.reading.remote import RemoteDecoder
from masivo_stream.edges.export.source import Input
from masivo_stream.edges.workers.pool import WorkerAnswer
from masivo_stream.flow.pipeline.cut_source import LineBlock
from masivo_stream.flow.pipeline.read_exports import MOST_LINES, SharedValidator
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import one_by_one
from masivo_stream.model.results import Position

CAP = 4096


class Workers:
    """A worker that has answers, and still seems to be at work."""

    def __init__(self, rules):
        self.deputy, self.asked = RemoteDecoder(rules), 0

    @property
    def waiting(self):
        return self.asked

    def ask(self, question):
        self.asked += 1
        answer = WorkerAnswer()
        answer.give(self.deputy.answer(question))
        return answer


def cut(splitter, block):
    pieces = splitter.cut(block)
    return LineBlock(Source(Input("f", 1)), pieces, len(block), Position(0, splitter.number, splitter.offset), 0)


@pytest.mark.parametrize("most_asked", [0, 1, 2, 4])
async def test_duplicates_are_found_between_blocks_of_workers_and_of_this_process(most_asked):
    """There are four blocks in which customers come again: workers validate the first ones, this process the others."""
    blocks = [
        b"".join(
            as_bytes(customer(id=f"c{number % 500}", email=f"e{number % 700}")) + b"\n"
            for number in range(begin, begin + 300)
        )
        for begin in range(0, 1200, 300)
    ]
    alone, together = decoder(Kind.CUSTOMERS, max_line_bytes=CAP), decoder(Kind.CUSTOMERS, max_line_bytes=CAP)
    workers = Workers(together.rules)
    validator = SharedValidator(together, workers, most_asked)
    splitter = LineSplitter(max_line_bytes=CAP)
    cuts = [cut(splitter, block) for block in blocks]
    begun = [(each, validator.begin(each)) for each in cuts]
    assert workers.asked == min(most_asked, len(blocks))
    found = [result for each, answer in begun for result in one_by_one(await validator.finish(each, answer))]
    expected = [result for each in cuts for result in one_by_one(alone.validate_all(each.pieces, "f"))]
    assert len(found) == 1200 > MOST_LINES
    assert found == expected
