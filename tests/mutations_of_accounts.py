"""What can go wrong between accounts, and between state directories that send the same export. See `mutations`."""

from mutation import Mutation

ONCE, WHERE = "flow/test_once.py::test_", "end_to_end/test_once.py::test_"

MUTATIONS = (
    Mutation(
        "another name of this machine is another account",
        "model/account.py",
        "    if parts.hostname not in _NAMES_OF_LOOPBACK:\n",
        "    if True:\n",
        "Through localhost the same export is sent again to what has it through 127.0.0.1.",
        ("edges/test_account.py::test_names_of_this_machine_are_one_account",),
    ),
    Mutation(
        "another account is not refused",
        "flow/belonging.py",
        "            if not self.said.same_account:\n                raise self._refusal(journal, accounts, sent_at)\n",
        "",
        "The rest of a run goes to another account, or a finished one is called complete there.",
        (ONCE + "another_key_or_address_is_another_account",),
    ),
    Mutation(
        "a token's account is not looked at",
        "flow/belonging.py",
        "                    raise self._refusal(journal, accounts, journal.first_sent(), told)\n",
        "                    pass\n",
        "A key that opens another account by now goes on with this one's run.",
        (ONCE + "a_token_of_another_account_in_the_middle_of_a_run_is_refused",),
    ),
    Mutation(
        "an account is kept before anything was sent",
        "flow/belonging.py",
        "        if not sent_at:\n            accounts = []\n",
        "",
        "A wrong key that is put right is refused as another account.",
        (ONCE + "until_something_was_sent_the_account_may_change",),
    ),
    Mutation(
        "an export that leaves is not noted",
        "flow/noting.py",
        "        self._leave(batch)\n",
        "",
        "From another state directory the same export is sent again.",
        (ONCE + "an_export_is_noted_before_its_first_batch_leaves", ONCE + "the_same_export_from_elsewhere_is_refused"),
    ),
    Mutation(
        "what others begin meanwhile is not looked at",
        "flow/once.py",
        '                if agreement.verdict in {"same", "open"} and not',
        "                if False and not",
        "Two runs that begin together send a copy each.",
        (ONCE + "what_two_runs_begin_at_once_is_sent_by_the_first",),
    ),
    Mutation(
        "how far was read is not noted",
        "flow/once.py",
        "        once.flush()\n        if file",
        "        if file",
        "Exports that begin alike cannot be told apart when the first one is gone.",
        (ONCE + "how_far_was_read_is_noted_at_the_end",),
    ),
    Mutation(
        "a state directory that is older goes on",
        "flow/once.py",
        "            if found.trail and found.trail[-1][0] > read[0] and found.lines >= read[2]:",
        "            if False:",
        "Put back from a copy of before, it sends what lies between once more.",
        (WHERE + "a_state_directory_that_is_older_than_what_it_sent_does_not_go_on",),
    ),
    Mutation(
        "a run that was taken back is still remembered",
        "flow/reverted.py",
        "        withdraw(name)\n",
        "",
        "What was taken back cannot be sent again without a word.",
        (WHERE + "what_was_taken_back_may_be_sent_again",),
    ),
)
