"""What can go wrong where the extension looks at lines: a finding that is missed, or a sum that is wrong.

See `mutations`.
"""

from mutation import Mutation

CHOOSE = "core/checks/_remarkable.c"
SOURCE, READER, TAKE = "core/reading/_look.h", "core/reading/_prover.c", "core/checks/take_notes.py"
CHOSEN = "core/test_choose_notes.py::test_the_same_is_found_in_chosen_notes_as_in_all"
DIVIDE, HASH = "core/reading/_notes.h", "core/reading/_hash.h"
LOOK = "core/test_quick_look.py::test_"

MUTATIONS = (
    Mutation(
        "an order's value is never compared",
        SOURCE,
        "&& !adds_up(call)",
        "&& 0",
        "An order whose value is not the sum of its products is not reported.",
        (LOOK + "orders_that_nearly_add_up",),
    ),
    Mutation(
        "names with a question mark are real",
        SOURCE,
        "if (*p == '?')",
        "if (0)",
        "A name that could not be written is not reported.",
        (LOOK + "each_odd_value_alone",),
    ),
    Mutation(
        "any type is no slip",
        SOURCE,
        "return shared < purchase->length - 1;",
        "return 1;",
        "Events that are meant to be purchases count for nothing, unseen.",
        (LOOK + "types_that_are_nearly_a_purchase",),
    ),
    Mutation(
        "a date may be at any time",
        SOURCE,
        "if (date->moment < earliest || date->moment > call->prover->look->latest)",
        "if (date->moment < earliest)",
        "A date in the future is not reported.",
        (LOOK + "each_odd_value_alone",),
    ),
    Mutation(
        "an amount has any number of digits",
        READER,
        "if (call->prover->look != NULL && p - begin > MOST_EXACT_DIGITS)",
        "if (0)",
        "A balance is off by what a double does not hold, and the account refuses the transactions.",
        (LOOK + "each_odd_value_alone",),
    ),
    Mutation(
        "what is spent is earned",
        SOURCE,
        "*(call->amount < 0 ? &sum->spent : &sum->earned) += call->amount;",
        "sum->earned += call->amount;",
        "The control totals are wrong.",
        (LOOK + "each_odd_value_alone",),
    ),
    Mutation(
        "sums of a doubted line stay",
        READER,
        "    call->sum_count = sums;\n",
        "",
        "Sums belong to other customers from there on, who are held back.",
        (LOOK + "what_a_doubted_line_has_does_not_stay",),
    ),
    Mutation(
        "a hyphen before an exponent is overlooked",
        SOURCE,
        "if (line->has_zero && has_tiny(line->begin, line->end))",
        "if (0)",
        "An amount that a double holds as 0 is taken for 0.",
        (LOOK + "amounts_of_nothing_beside_a_tiny_one",),
    ),
    Mutation(
        "doubted lines come last",
        DIVIDE,
        "if (plain->taken == plain->count || other.where <",
        "if (plain->taken == plain->count || 0 * other.where >",
        "Findings name the second line of two as the first one.",
        (LOOK + "what_a_doubted_line_has_does_not_stay", LOOK + "notes_are_divided_in_the_order_of_lines"),
    ),
    Mutation(
        "rewards are numbered anew in each block",
        DIVIDE,
        "numbers[(note.tag >> REWARD_SHIFT) - 1] << REWARD_SHIFT",
        "note.tag >> REWARD_SHIFT << REWARD_SHIFT",
        "Balances are compared with the sums of other rewards.",
        (LOOK + "rewards_without_end", LOOK + "notes_are_divided_in_the_order_of_lines"),
    ),
    Mutation(
        "a purchase is whoever's it is",
        HASH,
        "hash->key[0] ^ of_one",
        "hash->key[0]",
        "Lines are read again for each purchase id that two customers share.",
        (LOOK + "hashes_of_one_process",),
    ),
    Mutation(
        "an email is noted in its own case only",
        DIVIDE,
        "lowered[i] = lower(email.text[i]);",
        "lowered[i] = email.text[i];",
        "Emails that differ in case are not found.",
        (LOOK + "customers",),
    ),
    Mutation(
        "a name may have any escape",
        SOURCE,
        "if (!is_named((uint32_t)read_hex4(p + 2, end)))",
        "if (0)",
        "A name that is spelt with escapes and means nothing is not reported.",
        (LOOK + "names_of_the_world",),
    ),
    Mutation(
        "the places of an unknown field are known after the first",
        "core/checks/unknown_fields.py",
        "return all(len(each.first) >= self._most for each in kept)",
        "return True",
        "A warning names one line where it should name several.",
        (LOOK + "fields_that_the_api_does_not_know",),
    ),
    Mutation(
        "unknown fields are counted on lines that are decoded",
        "core/checks/look_at_lines.py",
        "self.unknown.add(kind, fields, None, records)",
        "pass",
        "A field that all records have is said to be in a few.",
        (LOOK + "fields_that_the_api_does_not_know",),
    ),
    Mutation(
        "rewards are numbered without those of doubted lines",
        TAKE,
        "rewards[len(numbers)][1] < line:",
        "rewards[len(numbers)][1] <= line + 999:",
        "Notes are other ones with the extension, and nothing tells whether they are right.",
        (LOOK + "rewards_without_end",),
    ),
    Mutation(
        "a balance may be less than its transactions",
        CHOOSE,
        "if (look->sums.sums[at].sum != 0)",
        "if (look->sums.sums[at].sum > 0)",
        "A balance that differs from the transactions is not found.",
        (CHOSEN,),
    ),
    Mutation(
        "a customer may come behind the events",
        CHOOSE,
        "if (look->customers && (!slot->customer || ",
        "if (look->customers && (",
        "Events of an unknown customer are not found, and a batch is refused for them.",
        (CHOSEN,),
    ),
    Mutation(
        "two lines of transactions that come to nothing say nothing",
        CHOOSE,
        "        if (slot->transactions)\n            slot->remarkable = 1;\n        slot->transactions = 1;\n",
        "        slot->transactions = 1;\n",
        "The second line is refused, with its whole batch.",
        (CHOSEN,),
    ),
)
