"""What can go wrong between accounts, and between state directories that send the same export. See `mutations`."""

from mutation import Mutation

ONCE, WHERE = "flow/test_send_once.py::test_", "end_to_end/test_once.py::test_"

MUTATIONS = (
    Mutation(
        "another name of this machine is another account",
        "model/account.py",
        "    if parts.hostname not in _NAMES_OF_LOOPBACK:\n",
        "    if True:\n",
        "Through localhost an export is sent again to an account that received it through 127.0.0.1.",
        ("edges/test_account.py::test_names_of_this_machine_are_one_account",),
    ),
    Mutation(
        "another account is not refused",
        "flow/identity/account_binding.py",
        "            if not self.confirmations.same_account:\n"
        "                raise self._refusal(journal, accounts, sent_at)\n",
        "",
        "The rest of a run goes to another account, or a finished one is called complete there.",
        (ONCE + "another_key_or_address_is_another_account",),
    ),
    Mutation(
        "a token's account is not looked at",
        "flow/identity/account_binding.py",
        "                    raise self._refusal(journal, accounts, journal.read.first_sent(), opened)\n",
        "                    pass\n",
        "A key that now opens another account continues this one's run.",
        (ONCE + "a_token_of_another_account_in_the_middle_of_a_run_is_refused",),
    ),
    Mutation(
        "an account is kept before anything was sent",
        "flow/identity/account_binding.py",
        "        if not sent_at:\n            accounts = []\n",
        "",
        "A wrong key that is corrected is refused as another account.",
        (ONCE + "the_account_may_change_until_something_is_sent",),
    ),
    Mutation(
        "an export that leaves is not noted",
        "flow/identity/send_once.py",
        "        self._leave(batch)\n",
        "",
        "From another state directory the same export is sent again.",
        (ONCE + "an_export_is_noted_before_its_first_batch_leaves", ONCE + "the_same_export_from_elsewhere_is_refused"),
    ),
    Mutation(
        "what others begin meanwhile is not looked at",
        "flow/identity/send_once.py",
        '                if agreement.relation in {"same", "open"} and not',
        "                if False and not",
        "Two runs that begin together send a copy each.",
        (ONCE + "one_of_two_simultaneous_runs_sends_the_export",),
    ),
    Mutation(
        "how far was read is not noted",
        "flow/identity/send_once.py",
        "            once.flush()\n",
        "            pass\n",
        "Exports that begin alike cannot be distinguished when the first one is gone.",
        (ONCE + "the_read_position_is_noted_at_the_end",),
    ),
    Mutation(
        "a state directory that is older goes on",
        "flow/identity/send_once.py",
        "            if found.trail and found.trail[-1][0] > read[0] and found.lines >= read[2]:",
        "            if False:",
        "Restored from an earlier copy, it sends what is in between once more.",
        (ONCE + "the_read_position_noted_by_an_earlier_version_shows_an_older_directory",),
    ),
    Mutation(
        "a state directory that knows fewer requests goes on",
        "flow/identity/send_once.py",
        "    if run is not None and run.sends > sends:\n        yield",
        "    if False:\n        yield",
        "Restored from a copy made before a retry, it sends the corrected dead letters again.",
        (
            ONCE + "a_directory_older_than_a_retry_is_refused",
            "flow/test_resolve.py::test_nothing_is_sent_from_a_directory_older_than_the_resend",
        ),
    ),
    Mutation(
        "a request is counted before the journal knows it",
        "flow/identity/send_once.py",
        "        await self._journal.send(batch, progress, sync)\n        self._count()\n",
        "        self._count()\n        await self._journal.send(batch, progress, sync)\n",
        "A run that is killed in between is refused its own state directory.",
        (ONCE + "a_request_that_could_not_be_noted_is_not_counted",),
    ),
    Mutation(
        "a decision does not ask whose state directory it is",
        "flow/commands/resolve.py",
        "            await once.check_place(by_hand=True)\n",
        "            pass\n",
        "From a copy of the state directory a batch in doubt is sent again a second time.",
        ("flow/test_resolve.py::test_no_decision_is_made_in_a_copy",),
    ),
    Mutation(
        "of what a person sends again only the first is noted at once",
        "flow/identity/send_once.py",
        "                self._at_once = self._by_hand\n",
        "                self._at_once = False\n",
        "A process that dies with the second batch in flight is not known to have sent it.",
        ("flow/test_resolve.py::test_each_of_several_batches_is_noted_before_it_leaves",),
    ),
    Mutation(
        "a run that was taken back is still remembered",
        "flow/revert_state.py",
        "        withdraw(name)\n",
        "",
        "What was taken back cannot be sent again without a confirmation.",
        (WHERE + "a_reverted_export_may_be_sent_again",),
    ),
)
