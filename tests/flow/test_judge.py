from contextlib import aclosing

from core.made import as_bytes, decoder, events

from masivo_stream.edges.source import find_inputs
from masivo_stream.flow.judge import MOST_LINES, Source, judge_sources
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import count_lines, one_by_one
from masivo_stream.model.record import Blank, Entry


async def test_a_block_of_very_short_lines_is_taken_in_pieces(tmp_path):
    """However short the lines of a block are, the others have their turn after some hundred of them."""
    path = tmp_path / "export.ndjson"
    path.write_bytes(b"\n" * 3000 + as_bytes(events()) + b"\n" + b"x\n" * 2000)
    judged_blocks = judge_sources(
        [Source(find_inputs([str(path)])[0])], decoder(Kind.EVENTS), block_bytes=1 << 20, max_line_bytes=4096
    )
    async with aclosing(judged_blocks) as blocks:
        found = [judged async for judged in blocks]
    judgements = [judgement for judged in found for judgement in one_by_one(judged.found)]
    assert max(count_lines(judged.found) for judged in found) <= MOST_LINES
    assert [judgement.line for judgement in judgements] == list(range(1, 5002))
    assert sum(isinstance(judgement, Blank) for judgement in judgements) == 3000
    assert [judgement.offset for judgement in judgements if isinstance(judgement, Entry)] == [3000]
    assert sum(judged.bytes_read for judged in found) == found[-1].place.offset == path.stat().st_size
