"""What can go wrong in the checks over all exports: what is not found, and what is invented. See `mutations`."""

from mutation import Mutation

LAWS, PLANTED = "core/test_whole_export.py::test_", "flow/test_whole_export_findings.py::test_"
SAME = (LAWS + "exactly_the_planted_faults_are_found",)

MUTATIONS = (
    Mutation(
        "the balance of a duplicate counts",
        "core/checks/find.py",
        "        if self._notes.same_line(self._customers[key], index):  # else it is of a duplicate\n",
        "        if self._notes is not None:\n",
        "A customer is said to have another balance than the record that is sent.",
        SAME,
    ),
    Mutation(
        "the sum of a customer with a faulty line is compared",
        "core/checks/find.py",
        "        self._broken.add(key)\n",
        "        pass\n",
        "A balance is called wrong because a line is a dead letter.",
        SAME,
    ),
    Mutation(
        "an amount that a double does not determine is taken for exact",
        "core/checks/amounts.py",
        "        if number / 1e6 == amount:\n",
        "        if amount == amount:\n",
        "Small differences are not found.",
        (LAWS + "an_amount_is_exact_or_not_known",),
    ),
    Mutation(
        "equal hashes are equal customers",
        "core/checks/confirm.py",
        "        case _:\n            return record.id == other.id\n",
        "        case _:\n            return True\n",
        "Two customers whose hashes collide are accused of one id.",
        (LAWS + "a_hash_collision_is_not_a_finding",),
    ),
    Mutation(
        "duplicates that the decoder knows are not noted",
        "core/checks/take_notes.py",
        "        if not customer or kind is Kind.EVENTS:\n",
        "        if True:\n",
        "Whether a duplicate is found depends on remember_ids.",
        (*SAME, PLANTED + "everything_planted_is_found_and_nothing_else"),
    ),
    Mutation(
        "only the notes that filled a buffer are looked at",
        "core/checks/take_notes.py",
        "                self._sink(part, notes)\n                del notes[:]\n",
        "                del notes[:]\n",
        "Nothing is found in small exports.",
        (*SAME, PLANTED + "everything_planted_is_found_and_nothing_else"),
    ),
    Mutation(
        "a damaged export is checked as it is",
        "flow/dry_run/all_kinds.py",
        "                if found.failure is not None:\n",
        "                if found.failure is ...:\n",
        "Customers behind the damage are called unknown.",
        (PLANTED + "a_damaged_export_is_not_checked",),
    ),
)
