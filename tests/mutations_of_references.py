"""What can go wrong when exports are compared with an account. See `mutations`."""

from mutation import Mutation

COLLECT, COMPARE = "core/test_references.py::test_", "core/test_compare_references.py::test_"
CHECK = "flow/test_account_check.py::test_"

MUTATIONS = (
    Mutation(
        "the first place of an id is that of its block",
        "core/reading/references.py",
        "                self._first.setdefault(part, (file, number))\n",
        "                self._first.setdefault(part, (file, line))\n",
        "A person looks for an id in a line that does not name it.",
        (COLLECT + "every_use_is_counted_with_its_first_place",),
    ),
    Mutation(
        "counts are kept when they are folded",
        "core/reading/references.py",
        "        self._combinations.clear()\n",
        "",
        "Ids seem to be named more often than they are.",
        (COLLECT + "every_use_is_counted_with_its_first_place",),
    ),
    Mutation(
        "a full list grows on",
        "core/reading/references.py",
        "        elif len(self.used) < self._most:\n",
        "        else:\n            self.used[key] = _Used(id_, uses, *place)\n        if False:\n",
        "An export in which every id is another one fills the memory.",
        (COLLECT + "a_full_list_is_reported",),
    ),
    Mutation(
        "UUIDs are compared by case",
        "core/compare_references.py",
        "    return id_.lower() if sort in {ReferenceSort.REWARD, ReferenceSort.TIER} else id_\n",
        "    return id_\n",
        "An export with UUIDs in upper case has a finding for each of them.",
        (COMPARE + "only_uuids_are_compared_regardless_of_case",),
    ),
    Mutation(
        "what is not known is taken to be missing",
        "core/compare_references.py",
        "        if has is None:\n            continue\n",
        "        has = has or []\n",
        "Without a list of brands, every brand is a finding.",
        (COMPARE + "each_reference_that_the_catalogue_lacks_is_found",),
    ),
    Mutation(
        "one page of rewards is taken for all",
        "flow/ask_account.py",
        "            if len(found) == start:\n",
        "            if True:\n",
        "Rewards of the second page are findings although the account has them.",
        (CHECK + "rewards_are_read_page_by_page",),
    ),
    Mutation(
        "what was not read is complete",
        "flow/commands/check.py",
        "ExitCode.OUTAGE if unread else ExitCode.COMPLETE",
        "ExitCode.COMPLETE",
        "A script goes on although nothing was compared with the account.",
        (CHECK + "unreadable_parts_of_the_account_are_named",),
    ),
)
