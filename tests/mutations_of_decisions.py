"""What can go wrong where a person decides, and in what a person reads. See `mutations`."""

from mutation import Mutation

RESOLVE, REVERT = "flow/test_resolve.py::test_", "flow/test_revert.py::test_"
OUTCOME = "flow/test_outcome.py::test_"

WORD = (
    Mutation(
        "other bytes are sent again",
        "flow/pipeline/in_doubt.py",
        "        if made.id != batch:\n",
        "        if False:\n",
        "What is sent for a batch in doubt is not what was in doubt.",
        (RESOLVE + "other_bytes_than_those_in_doubt_are_not_sent",),
    ),
    Mutation(
        "what is there is sent again",
        "flow/commands/resolve.py",
        "        if evidence.verdict in {Verdict.PRESENT, Verdict.PARTLY}:\n",
        "        if False:\n",
        "Transactions that can be seen in the account are doubled.",
        (RESOLVE + "a_batch_that_is_found_in_the_account_is_not_sent_again",),
    ),
    Mutation(
        "what is there is found when others were sent",
        "flow/commands/resolve.py",
        "            await self._check_not_there(doubt)\n\n",
        "        await self._check_not_there(chosen.resend[0])\n\n",
        "A command that says that nothing may be sent again has sent a batch.",
        (RESOLVE + "nothing_is_sent_or_decided_if_one_batch_is_refused",),
    ),
    Mutation(
        "batches are decided before all can be read",
        "flow/commands/resolve.py",
        "            await self._kinds[doubt.kind].batches.read(doubt.batch)\n",
        "            pass\n",
        "A command that fails has decided some of its batches and does not say which.",
        ("end_to_end/test_resolve.py::test_every_batch_is_read_again_before_any_is_discarded",),
    ),
    Mutation(
        "sending again is not noted as a decision",
        "flow/commands/resolve.py",
        "        await in_doubt_kind.take_note(note)\n",
        "",
        "No one can find out who had a batch sent again.",
        (RESOLVE + "a_batch_is_sent_again_unchanged",),
    ),
    Mutation(
        "sending again is not noted before the wire",
        "flow/pipeline/in_doubt.py",
        "        await self._recorder.send_again(batch.id)\n",
        "        pass\n",
        "After a kill no process knows that a batch in doubt left a second time.",
        (RESOLVE + "a_batch_is_sent_again_unchanged",),
    ),
    Mutation(
        "a refusal settles a doubt",
        "flow/pipeline/in_doubt.py",
        "        if isinstance(decision, Settle) and isinstance(decision.outcome, Accepted):\n"
        "            self._recorder.remark(decision.outcome.remark)\n",
        "        if isinstance(decision, Settle):\n",
        "A refused batch counts as accepted.",
        (RESOLVE + "only_an_acceptance_settles_a_batch_in_doubt",),
    ),
    Mutation(
        "a revert is not noted",
        "flow/commands/revert.py",
        "        await journal.take_note(Note(NoteKind.REVERT_BEGUN, msgspec.json.encode(period).decode()))\n",
        "",
        "After a kill the run continues as if nothing had been taken back.",
        (REVERT + "a_revert_is_noted_before_its_first_byte",),
    ),
    Mutation(
        "a revert is noted too late",
        "flow/commands/revert.py",
        "        await journal.take_note(Note(NoteKind.REVERT_BEGUN, msgspec.json.encode(period).decode()))\n"
        "        reply = await sender.revert(start, end)\n",
        "        reply = await sender.revert(start, end)\n"
        "        await journal.take_note(Note(NoteKind.REVERT_BEGUN, msgspec.json.encode(period).decode()))\n",
        "After a kill the run continues as if nothing had been taken back.",
        (REVERT + "a_revert_is_noted_before_its_first_byte",),
    ),
    Mutation(
        "a revert in doubt counts as failed",
        "flow/commands/revert.py",
        "        elif not failed.in_doubt:\n",
        "        else:\n",
        "The run continues although records may have been taken back.",
        (REVERT + "a_revert_with_an_unknown_outcome_blocks_the_run",),
    ),
    Mutation(
        "a refusal speaks for an earlier revert",
        "flow/revert_state.py",
        "            reverts = before\n",
        "            reverts = RevertState()\n",
        "The run continues although an earlier revert may have taken records back.",
        (REVERT + "a_revert_with_an_unknown_outcome_blocks_the_run",),
    ),
    Mutation(
        "a revert that was begun is passed over",
        "flow/revert_state.py",
        "    if reverts.open is not None:\n",
        "    if reverts.open is None:\n",
        "The run continues although records may have been taken back.",
        (REVERT + "a_revert_with_an_unknown_outcome_blocks_the_run",),
    ),
    Mutation(
        "a revert in part is passed over",
        "flow/revert_state.py",
        "    if reverts.done and not reverts.whole:\n",
        "    if reverts.done and reverts.whole:\n",
        "Starting from the beginning doubles what was not taken back.",
        ("flow/test_reverts.py::test_all_reverts_of_a_run_count[story3-part of this run was taken back]",),
    ),
)

FIGURES = (
    Mutation(
        "the journal always agrees",
        "flow/outcome.py",
        "    return (counted.get(",
        "    return True or (counted.get(",
        "Figures that differ from the journal's are reported as the truth.",
        (OUTCOME + "figures_that_do_not_add_up_are_a_bug[NotesAnother]",),
    ),
    Mutation(
        "figures need not close",
        "flow/pipeline/run.py",
        "        closes = all(figures.closes for figures in kinds.values())\n",
        "        closes = True\n",
        "A record without an outcome is in no report.",
        (OUTCOME + "figures_that_do_not_add_up_are_a_bug[CountsOneMore]",),
    ),
    Mutation(
        "figures always close",
        "model/summary.py",
        "        return self.read == records and self.items_read == items\n",
        "        return True\n",
        "A record without an outcome is in no report.",
        ("model/test_summary.py::test_figures_add_up_exactly_if_nothing_is_missing",),
    ),
    Mutation(
        "figures that do not close are no bug",
        "flow/outcome.py",
        "    if not closes:\n",
        "    if False:\n",
        "A run whose figures are wrong ends as complete.",
        (OUTCOME + "figures_that_do_not_add_up_are_a_bug",),
    ),
)

READ = (
    Mutation(
        "brackets in texts are levels",
        "core/nesting.py",
        """    for found in _BRACKET.finditer(_STRING.sub(b"", body)):\n""",
        "    for found in _BRACKET.finditer(body):\n",
        "On Python 3.14, a record with a text of a thousand brackets is called nested too deeply.",
        ("core/test_nesting.py::test_a_text_of_many_short_lists_is_not_deep",),
    ),
    Mutation(
        "levels are never counted",
        "core/nesting.py",
        "    if counted:\n        return read\n",
        "    if True:\n        return read\n",
        "On Python 3.14, a line is accepted that no other part of the program can read again.",
        ("core/test_nesting.py::test_a_reader_is_bounded",),
    ),
    Mutation(
        "a command in a hint is broken",
        "cli/lines.py",
        """    kept = _COMMAND.sub(lambda match: match[0].replace(" ", _KEPT), text)\n""",
        "    kept = text\n",
        "A command that is pasted from a hint runs without its last flags.",
        ("cli/test_help.py::test_an_error_is_wrapped_at_words",),
    ),
    Mutation(
        "a flag has no place in the help",
        "cli/help.py",
        "        if members\n",
        "        if members and head != OWN\n",
        "What only this command can do is not explained.",
        ("cli/test_help.py::test_help_explains_every_flag_once",),
    ),
)

MUTATIONS = (*WORD, *FIGURES, *READ)
