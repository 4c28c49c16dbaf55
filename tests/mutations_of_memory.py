"""What can go wrong where values are remembered in C: one that came before is missed, or another is taken for it.

See `mutations`. Left out, because only a sanitizer sees it: a slot that is read or written outside of its table.
"""

from mutation import Mutation

SOURCE = "core/reading/_memory.c"
VALUES = "core/test_duplicates.py::test_"
PURCHASES = "core/test_purchases.py::test_"

MUTATIONS = (
    Mutation(
        "the window is shorter than the capacity",
        SOURCE,
        "% STAMPS > memory->window",
        "% STAMPS >= memory->window / 2",
        "A duplicate within the window is sent.",
        (VALUES + "no_value_of_the_window_is_forgotten",),
    ),
    Mutation(
        "a value that comes again stays old",
        SOURCE,
        "            table->slots[*place] = low | stamp_of(memory);\n            return SAME;",
        "            return SAME;",
        "A customer on every second line is forgotten, and the next of these lines is sent.",
        (VALUES + "a_value_that_comes_again_is_young_again",),
    ),
    Mutation(
        "room is made before a value is looked up",
        SOURCE,
        "Found found = table->size == 0 ? NEW :",
        "Found found = is_full(table) && !make_room(memory, table) ? NO_MEMORY :",
        "The last value of an age is forgotten one value too early.",
        (VALUES + "exactly_a_capacity_of_others_is_not_too_many",),
    ),
    Mutation(
        "a table that grows leaves values where they were",
        SOURCE,
        "        if (place < own)\n            place = own;\n",
        "        if (place < from - more)\n            place = from - more;\n",
        "Values are looked for where they are not.",
        (VALUES + "the_answer_is_exact_up_to_the_capacity",),
    ),
    Mutation(
        "a search stops too early",
        SOURCE,
        "while (table->slots[place] != 0 && table->slots[place] < low)",
        "if (table->slots[place] != 0 && table->slots[place] < low)",
        "A duplicate is sent.",
        (VALUES + "the_answer_is_exact_up_to_the_capacity",),
    ),
    Mutation(
        "the email of a duplicate is remembered",
        "core/reading/duplicates.py",
        "new = [index for index in range(len(emails)) if index not in reasons]",
        "new = list(range(len(emails)))",
        "A good record is a dead letter because of the email of one that is not sent.",
        (VALUES + "the_email_of_a_duplicate_is_free",),
    ),
    Mutation(
        "another event of a purchase is the same one",
        SOURCE,
        "if (!memory->has_contents || table->contents[*place] == content) {",
        "{",
        "A refund is left out as the purchase it refunds.",
        (PURCHASES + "both_tables_find_the_same",),
    ),
    Mutation(
        "customer and purchase may change places",
        SOURCE,
        "mix(mix(columns->customer) + event->digest)",
        "mix(columns->customer + event->digest)",
        "Somebody is warned of purchases that did not come before.",
        (PURCHASES + "customer_and_purchase_ids_are_kept_apart",),
    ),
    Mutation(
        "contents stay where they were",
        SOURCE,
        "            contents[place] = contents[from];",
        "            contents[place] = contents[place];",
        "An event is compared with another one's content once the table has grown.",
        (PURCHASES + "no_event_of_the_window_is_forgotten", PURCHASES + "one_purchase_may_have_many_events"),
    ),
)
