"""What can go wrong where lines are proved: a line that is called clean, and is not. See `mutations`.

Left out, because only a sanitizer sees it (`tests/fuzz`): a byte that is read beyond the end of a line.
"""

from mutation import Mutation

SOURCE, TREE, DECODE = "core/reading/_prover.c", "core/reading/prover.py", "core/reading/decode.py"
PROVER = "core/test_prover.py::test_"
TOGETHER = "core/test_decode.py::test_a_line_knows_the_customers_before_it"
MUST_NOT = (PROVER + "texts_that_a_parser_must_not_take",)

GRAMMAR = (
    Mutation(
        "a field may come twice",
        SOURCE,
        "if (seen >> i & 1)",
        "if (0 && seen >> i & 1)",
        "A record with two ids is sent, and programs differ on whose it is.",
        (PROVER + "a_known_field_that_is_twice_is_doubted",),
    ),
    Mutation(
        "a name may have escapes",
        SOURCE,
        "if (behind == NULL || escaped)",
        "if (behind == NULL)",
        "An escaped name spells a known field a second time.",
        (PROVER + "an_escaped_name_is_doubted",),
    ),
    Mutation(
        "half a surrogate is a character",
        SOURCE,
        "if (unit > 0xDBFF || end - p < 6",
        "if (unit > 0xDFFF || end - p < 6",
        "A text that no UTF-8 can hold is sent.",
        MUST_NOT,
    ),
    Mutation(
        "UTF-8 may hold surrogates",
        SOURCE,
        "p[1] > 0x9F",
        "p[1] > 0xBF",
        "Bytes that are not UTF-8 are sent.",
        MUST_NOT,
    ),
    Mutation(
        "UTF-8 may be overlong",
        SOURCE,
        "first < 0xC2 ||",
        "first < 0xC0 ||",
        "Bytes that are not UTF-8 are sent.",
        MUST_NOT,
    ),
    Mutation(
        "SSE2 overlooks a control character",
        SOURCE,
        "_mm_cmplt_epi8(some, _mm_set1_epi8(0x20))",
        "_mm_cmplt_epi8(some, _mm_set1_epi8(0x1F))",
        "What is no JSON is sent, on some processors.",
        (PROVER + "texts_that_a_parser_must_not_take",),
    ),
    Mutation(
        "something may come behind the record",
        SOURCE,
        "skip_space(p, line->end) == line->end && ",
        "",
        "A line that is cut in the wrong place is sent.",
        (PROVER + "every_byte_in_every_place",),
    ),
    Mutation(
        "nesting has no limit",
        SOURCE,
        "    if (depth >= MOST_DEPTH)\n        return NULL;\n    object",
        "    object",
        "A line that the decoder calls too deep is sent, or ends the process.",
        (PROVER + "texts_that_a_parser_must_not_take",),
    ),
)

SCHEMA = (
    Mutation(
        "required fields may be missing",
        SOURCE,
        "if ((seen & node->required) != node->required)",
        "if (0)",
        "The API refuses the batch.",
        (PROVER + "lines_that_careless_validation_gets_wrong",),
    ),
    Mutation(
        "any sign goes with any type",
        SOURCE,
        "(tag < 0 || !(node->tag_signs[tag] & sign))",
        "tag < 0",
        "A redemption adds to the wallet.",
        (PROVER + "lines_that_careless_validation_gets_wrong",),
    ),
    Mutation(
        "an amount of -0.0 is negative",
        SOURCE,
        "!digits ? SIGN_ZERO : *begin",
        "*begin",
        "A transaction of nothing is sent, and refused.",
        (PROVER + "lines_that_careless_validation_gets_wrong",),
    ),
    Mutation(
        "unknown fields are never rejected",
        SOURCE,
        "if (call->prover->reject_unknown || ",
        "if (",
        "The setting `unknown_fields` has no effect.",
        (PROVER + "unknown_fields_that_are_rejected_are_doubted",),
    ),
    Mutation(
        "a record may have any number of items",
        SOURCE,
        "\n        && line->items <= call->prover->most_items",
        "",
        "No request can carry the record.",
        (PROVER + "a_record_with_too_many_items_is_doubted",),
    ),
    Mutation(
        "a customer may have an empty id",
        SOURCE,
        " || (node->not_empty && content.length == 0)",
        "",
        "The customer can never be read back.",
        (PROVER + "texts_in_place_of_values",),
    ),
    Mutation(
        "every century is a leap year",
        SOURCE,
        "(year % 100 != 0 || year % 400 == 0)",
        "1",
        "A day that does not exist is sent.",
        (PROVER + "every_day_of_a_leap_cycle",),
    ),
    Mutation(
        "a struct's own check is ignored",
        TREE,
        "(known or not own_check)",
        "True",
        "A rule that is added to the schema is not proved, and what breaks it is sent.",
        (PROVER + "what_cannot_be_proved_is_an_error",),
    ),
)

SIGNS = (
    Mutation(
        "a date's zone is added",
        SOURCE,
        "offset = -offset;",
        "offset = +offset;",
        "An event that is in two exports is not recognised.",
        (PROVER + "dates_are_the_moments_that_python_reads",),
    ),
    Mutation(
        "an amount has its first digits",
        SOURCE,
        "digits <= (uint64_t)1 << 53 &&",
        "digits <= (uint64_t)1 << 63 &&",
        "An event that is in two exports is not recognised.",
        (PROVER + "amounts_that_are_hard_to_read",),
    ),
    Mutation(
        "a moment is rounded up unseen",
        SOURCE,
        'memcmp(fraction, "999999", 6) == 0',
        "0",
        "An event that is in two exports is not recognised.",
        (PROVER + "a_moment_that_may_be_rounded_up_is_doubted",),
    ),
    Mutation(
        "signs of a doubted line stay",
        SOURCE,
        "    call->sign_count = signs;\n    call->sum",
        "    call->sum",
        "Signs belong to the wrong events from there on.",
        (PROVER + "signs_of_a_doubted_line_do_not_stay",),
    ),
    Mutation(
        "signs of proved lines are not collected",
        DECODE,
        "            self._signer.extend(columns.purchases, columns.contents)\n",
        "",
        "Duplicates of events are sent.",
        (PROVER + "decoders_with_and_without_it_agree",),
    ),
    Mutation(
        "customers are not remembered",
        DECODE,
        "reasons = {} if self.rules.kind is Kind.EVENTS else self.memory.note_all(customers, columns.emails)",
        "reasons: dict[int, Reason] = {}",
        "A customer who comes twice is sent twice.",
        (TOGETHER,),
    ),
    Mutation(
        "a line is judged before those ahead of it are remembered",
        DECODE,
        "            self._take_lines(run, range(begin, index), origin, valid, found)  # it asks who came before\n"
        "            begin, valid = index + 1, Proof([], [], [], [], [], [])\n",
        "",
        "The customer of a good line is not migrated, because a broken one of the same customer follows it.",
        (TOGETHER,),
    ),
)

MUTATIONS = GRAMMAR + SCHEMA + SIGNS
