"""Remarks: every flat row that does not simply become a part of a record, with the reason; and their sums."""

import enum

from msgspec import Struct

from masivo_stream.prepare.mapping.flat_columns import FlatTable


class Action(enum.StrEnum):
    """What was done."""

    LEFT_OUT = "left_out"
    MERGED = "merged"
    CORRECTED = "corrected"
    ADDED = "added"
    GUESSED = "guessed"


class Why(enum.StrEnum):
    """The reason of a remark. `MEANINGS` explains each."""

    NOT_SELECTED = "not_selected"
    WRONG_FIELD_COUNT = "wrong_field_count"
    MALFORMED_ROW = "malformed_row"
    WRONG_ENCODING = "wrong_encoding"
    BAD_NUMBER = "bad_number"
    BAD_DATE = "bad_date"
    DIGITS_LOST = "digits_lost"
    ROUNDED = "rounded"
    ZERO_DATE = "zero_date"
    SKIPPED_HOUR = "skipped_hour"
    REPEATED_HOUR = "repeated_hour"
    AMBIGUOUS_DATE = "ambiguous_date"
    NO_CUSTOMER = "no_customer"
    UNKNOWN_CUSTOMER = "unknown_customer"
    CUSTOMER_LEFT_OUT = "customer_left_out"
    CUSTOMER_DELETED = "customer_deleted"
    STATUS_LEFT_OUT = "status_left_out"
    UNMAPPED_STATUS = "unmapped_status"
    SAME_ROW_TWICE = "same_row_twice"
    RETURNED_TWICE = "returned_twice"
    BALANCE_TWICE = "balance_twice"
    ID_TWICE = "id_twice"
    EMAIL_TWICE = "email_twice"
    MISSING_EMAIL = "missing_email"
    NOT_AN_EMAIL = "not_an_email"
    MISSING_NAME = "missing_name"
    MISSING_DATE = "missing_date"
    NOT_A_GENDER = "not_a_gender"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_REWARD = "unknown_reward"
    MISSING_AMOUNT = "missing_amount"
    ZERO_AMOUNT = "zero_amount"
    UNMAPPED_TYPE = "unmapped_type"
    TYPE_LEFT_OUT = "type_left_out"
    TYPE_UNLIKE_SIGN = "type_unlike_sign"
    LEDGER_DIFFERS = "ledger_differs"
    NO_BALANCE = "no_balance"
    NOT_WRITTEN = "not_written"
    TOO_MANY = "too_many_transactions"
    MISSING_PURCHASE_ID = "missing_purchase_id"
    MISSING_VALUE = "missing_value"
    UNMAPPED_PAYMENT = "unmapped_payment"
    ORDER_FIELDS_DIFFER = "order_fields_differ"
    NO_LINES = "no_lines"
    MISSING_SKU = "missing_sku"
    INCOMPLETE_LINE = "incomplete_line"


MEANINGS: dict[Why, str] = {
    Why.NOT_SELECTED: "no SELECT returns this row of a source",
    Why.WRONG_FIELD_COUNT: "the row has more or fewer fields than the header",
    Why.MALFORMED_ROW: "the row is no row of its format: a wrong quote or brace, a NUL character, or too long",
    Why.WRONG_ENCODING: "the row holds bytes that the source's encoding does not have",
    Why.BAD_NUMBER: "a number cannot be read with the source's decimal_mark, or has more than twelve digits before it",
    Why.BAD_DATE: "a date fits none of the source's date_formats",
    Why.DIGITS_LOST: "an id or another text is a floating-point number whose last digits are lost: export it as text",
    Why.ROUNDED: "a number has more than six decimal places, and was rounded to six",
    Why.ZERO_DATE: "a date of zeros, as MySQL writes it, was taken as missing",
    Why.SKIPPED_HOUR: "a local time that daylight saving skips was moved on by the length of the gap",
    Why.REPEATED_HOUR: "a local time that occurs twice when daylight saving ends was taken as the later one",
    Why.AMBIGUOUS_DATE: "a date fits several of the source's date_formats, and the first of them was taken",
    Why.NO_CUSTOMER: "the row has no customer id",
    Why.UNKNOWN_CUSTOMER: "no row of customers has this customer id",
    Why.CUSTOMER_LEFT_OUT: "the customer is left out, and all that belongs to the customer with it",
    Why.CUSTOMER_DELETED: "the customer is deleted",
    Why.STATUS_LEFT_OUT: "the mapping leaves rows of this status out",
    Why.UNMAPPED_STATUS: "the mapping does not say what this status means: add it to statuses, or *",
    Why.RETURNED_TWICE: "the SELECT returned this row of a source before, with the same values: a join found several"
    " matches",
    Why.SAME_ROW_TWICE: "an earlier row says exactly the same",
    Why.BALANCE_TWICE: "an earlier balance of this customer and reward differs in nothing but its amount; they add up",
    Why.ID_TWICE: "another row has this customer id, and differs",
    Why.EMAIL_TWICE: "another customer has this email",
    Why.MISSING_EMAIL: "the customer has no email",
    Why.NOT_AN_EMAIL: "the email has no @, or no domain",
    Why.MISSING_NAME: "the customer has no name",
    Why.MISSING_DATE: "the date is missing",
    Why.NOT_A_GENDER: "the gender is neither MALE nor FEMALE, and was not written",
    Why.NOT_AN_OBJECT: "tags or metadata are no JSON object, and were not written",
    Why.UNKNOWN_REWARD: "the reward is neither in [rewards] nor a UUID",
    Why.MISSING_AMOUNT: "the amount is missing",
    Why.ZERO_AMOUNT: "the amount is 0, which the API refuses",
    Why.UNMAPPED_TYPE: "the mapping does not say what this type means: add it to types, or *",
    Why.TYPE_LEFT_OUT: "the mapping leaves entries of this type out",
    Why.TYPE_UNLIKE_SIGN: "the type does not fit the sign of the amount, so the sign decided",
    Why.LEDGER_DIFFERS: "the transactions do not add up to the balance",
    Why.NO_BALANCE: "there is no balance of this reward, so it was computed from the transactions",
    Why.NOT_WRITTEN: "the mapping has no [customers], with which balances are written: it only decided about entries",
    Why.TOO_MANY: "the customer has more transactions than a request takes",
    Why.MISSING_PURCHASE_ID: "the order has no purchase_id",
    Why.MISSING_VALUE: "the order has no value or no discounted_value",
    Why.UNMAPPED_PAYMENT: "the mapping does not say what this payment method means: add it to payments, or *",
    Why.ORDER_FIELDS_DIFFER: "rows of one order do not agree about the order itself",
    Why.NO_LINES: "the order has no line items",
    Why.MISSING_SKU: "a line item has no SKU",
    Why.INCOMPLETE_LINE: "a line item has no quantity or no value",
}
"""What each reason means."""


class Remark(Struct, frozen=True, gc=False):
    """What was done about one flat row. Amounts are millionths."""

    table: FlatTable
    action: Action
    why: Why
    place: int
    line_place: int | None = None
    money: int = 0
    """The order's value, with the first row of an order that is left out."""
    points: int = 0
    """What is left out, merged or added of a balance or a ledger."""


class RemarkSums(Struct):
    """How often a reason was given, and the sums concerned."""

    rows: int = 0
    money: int = 0
    points: int = 0
    file: str = ""
    line: int = 0
    """The first place."""


class RemarkTally:
    """Count remarks by table, action and reason."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.sums: dict[tuple[str, str, str], RemarkSums] = {}

    def add(self, remark: Remark, file: str = "", line: int = 0) -> None:
        """Count a remark; file and line say where its row is."""
        sums = self.count(remark.table, remark.action, remark.why, file, line)
        sums.money += remark.money
        sums.points += remark.points

    def count(self, table: str, action: str, why: str, file: str, line: int) -> RemarkSums:
        """Count a row; return the sums that it belongs to."""
        sums = self.sums.get((table, action, why))
        if sums is None:
            sums = self.sums[str(table), str(action), str(why)] = RemarkSums(file=file, line=line)
        sums.rows += 1
        return sums

    def add_sums(self, key: tuple[str, str, str], added: RemarkSums) -> None:
        """Add sums of later remarks by table, action and reason."""
        sums = self.sums.setdefault(key, RemarkSums(file=added.file, line=added.line))
        sums.rows += added.rows
        sums.money += added.money
        sums.points += added.points

    def total(self, table: str, action: str) -> RemarkSums:
        """Return the sums over all reasons."""
        found = RemarkSums()
        for (of_table, of_action, _), sums in self.sums.items():
            if (of_table, of_action) == (table, action):
                found.rows += sums.rows
                found.money += sums.money
                found.points += sums.points
        return found
