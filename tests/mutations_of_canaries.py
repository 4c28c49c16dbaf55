"""What can go wrong with a canary (sent twice, counted twice, or wrongly passed), and with trials. See `mutations`."""

from mutation import Mutation

CANARY, TRIALS = "flow/test_canary.py::test_", "flow/test_try_account.py::test_"

MUTATIONS = (
    Mutation(
        "a record taken ahead is read again",
        "core/accounting/ledger.py",
        "            found = self._pass_ahead(found, block.place.source)\n",
        "            pass\n",
        "The canary is counted twice, and sent twice.",
        (CANARY + "one_record_of_each_kind_is_sent_before_the_rest",),
    ),
    Mutation(
        "a record taken ahead is counted by every process",
        "core/accounting/ledger.py",
        "        if place not in self.tally.ahead:\n            self.tally.ahead.add(place)\n",
        "        if True:\n            self.tally.ahead.add(place)\n",
        "After a restart the figures do not close.",
        (CANARY + "a_difference_stops_the_run_and_is_compared_again",),
    ),
    Mutation(
        "a record taken ahead is sent by every process",
        "core/accounting/ledger.py",
        "        if left is not None:\n            self._to_pack.append(left)\n",
        "        self._to_pack.append(entry)\n",
        "The canary's events count twice.",
        (CANARY + "a_difference_stops_the_run_and_is_compared_again",),
    ),
    Mutation(
        "a record taken ahead is forgotten too early",
        "core/accounting/ledger.py",
        "            self.tally.ahead = {place for place in self.tally.ahead if place >= passed}\n",
        "            self.tally.ahead = set()\n",
        "A canary that is not in the first block is counted and sent twice.",
        (CANARY + "a_canary_may_be_far_into_an_export",),
    ),
    Mutation(
        "the bytes before a canary may change",
        "core/accounting/ledger.py",
        "            self.tally.validated(entry)\n            self._consume(block)\n",
        "            self.tally.validated(entry)\n",
        "The export is changed after the canary, and another record of it is never sent.",
        (CANARY + "an_export_that_has_changed_since_is_refused",),
    ),
    Mutation(
        "what was consumed with a canary is forgotten",
        "core/accounting/ledger.py",
        "        if offset >= self._consumed.get(source, (0, 0, 0))[0]:",
        "        if True:",
        "The export is noted with the checksum of another length, and refused as changed.",
        (CANARY + "a_canary_may_be_far_into_an_export",),
    ),
    Mutation(
        "a difference is no reason to stop",
        "flow/pipeline/canary.py",
        "        if found.seen is not Seen.CONFIRMED:\n            raise self._stop(kind",
        "        if found.seen is Seen.MISSING:\n            raise self._stop(kind",
        "A million balances are wrong.",
        (CANARY + "a_difference_stops_the_run_and_is_compared_again",),
    ),
    Mutation(
        "the wallet is not read after the transactions",
        "flow/pipeline/canary.py",
        "            await self._look_again(found[Kind.CUSTOMERS].entry)\n",
        "            pass\n",
        "The account adds transactions to balances, and the run goes on.",
        (CANARY + "transactions_that_change_the_wallet_stop_the_run",),
    ),
    Mutation(
        "a canary that has passed is looked at again",
        "flow/pipeline/canary.py",
        "        if self._journal.read.notes(NoteKind.CANARY_PASSED) or self._has_begun():\n",
        "        if False:\n",
        "Each start of a run costs reads, and a run that has begun gets a second canary.",
        (CANARY + "a_run_that_has_passed_or_begun_has_no_canary",),
    ),
    Mutation(
        "trials are made in any account",
        "flow/ask_account.py",
        "        if type_ is not AccountType.DEVELOPMENT and not trials.anywhere:\n",
        "        if False:\n",
        "Test customers are left in a production account.",
        (TRIALS + "nothing_is_tried_in_an_account_that_may_be_in_production",),
    ),
    Mutation(
        "absence is taken for proof",
        "flow/try_account.py",
        "        # That nothing shows proves something only if the account shows an event that was accepted.\n",
        "        return 'yes', ''\n",
        "An account that shows no events at all is said to refuse requests as a whole.",
        (TRIALS + "absence_is_not_evidence_if_presence_does_not_show",),
    ),
)
