"""The end of a run: figures that do not add up, or differ from the journal's, are reported as a bug."""

import pytest
from model_exports import Recipe
from model_world import ModelJournal, Process, World
from msgspec import structs

from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.progress import Figures
from masivo_stream.model.states import BatchOutcome, BatchState


class NotesAnother(ModelJournal):
    """Its batches differ from the figures."""

    async def settle(self, kind, batch, outcome, *what):
        accepted = outcome.state is BatchState.ACCEPTED
        await super().settle(kind, batch, BatchOutcome(BatchState.REFUSED) if accepted else outcome, *what)


class CountsOneMore(ModelJournal):
    """Its figures do not add up."""

    def resume(self, kind):
        return structs.replace(super().resume(kind), figures=Figures(read=1))


@pytest.mark.parametrize("wrong", [NotesAnother, CountsOneMore])
def test_figures_that_do_not_add_up_are_a_bug(tmp_path, wrong):
    """Whatever the outcome would be otherwise."""
    world = World(tmp_path, wrong)
    world.exports.append(Kind.EVENTS, [Recipe("plain")], source=0, unfinished=False)
    summary = world.live(Process()).summary
    assert (summary.closes, summary.outcome, summary.exit_code) == (False, "stopped", ExitCode.BUG)
    assert "do not add up" in summary.message
