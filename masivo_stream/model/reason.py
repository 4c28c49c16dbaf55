"""The reasons why a record is not sent, and what a person can do about each. docs/dead-letters.md lists these words."""

import enum


class Reason(enum.StrEnum):
    """Why a record became a dead letter. The words are part of the format of the dead-letter file."""

    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    TOO_DEEP = "too_deep"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    DUPLICATE_FIELD = "duplicate_field"
    WRONG_TYPE = "wrong_type"
    INVALID_VALUE = "invalid_value"
    NO_ITEMS = "no_items"
    TOO_MANY_ITEMS = "too_many_items"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    DUPLICATE_ID = "duplicate_id"
    DUPLICATE_EMAIL = "duplicate_email"
    DUPLICATE_EVENT = "duplicate_event"
    SPLIT_TRANSACTIONS = "split_transactions"
    BALANCE_MISMATCH = "balance_mismatch"
    NO_BALANCE = "no_balance"
    UNKNOWN_CUSTOMER = "unknown_customer"
    SENT_BEFORE = "sent_before"
    TRUNCATED_INPUT = "truncated_input"
    REFUSED = "refused"
    CUSTOMER_NOT_MIGRATED = "customer_not_migrated"
    DISCARDED = "discarded"
    TAKEN_BACK = "taken_back"


REMEDIES: dict[Reason, str] = {
    Reason.INVALID_JSON: "export the line again; one complete JSON object per line",
    Reason.INVALID_UTF8: "export as UTF-8; before a migration the file can be converted, for example with iconv",
    Reason.TOO_DEEP: "flatten the nested objects or lists",
    Reason.MISSING_FIELD: "add the field",
    Reason.UNKNOWN_FIELD: 'correct the spelling, or set unknown_fields = "pass"',
    Reason.DUPLICATE_FIELD: "keep the field once in its object, with the right value",
    Reason.WRONG_TYPE: "write the value with the JSON type that the message names",
    Reason.INVALID_VALUE: "correct the value as the message says",
    Reason.NO_ITEMS: "leave the record out, or add its events or transactions",
    Reason.TOO_MANY_ITEMS: "one customer's transactions must fit one request: merge the oldest into one",
    Reason.TOO_LONG: "shorten the record, or raise max_line_bytes; the dead letter holds only its beginning: put all"
    " of it into `raw`",
    Reason.TOO_LARGE: "shorten the record, or raise max_body_bytes if the target takes larger bodies",
    Reason.DUPLICATE_ID: "keep one record for this customer",
    Reason.DUPLICATE_EMAIL: "emails are unique per account: correct one of the two customers",
    Reason.DUPLICATE_EVENT: "delete the dead letter if it is one purchase; if not, give it a purchase_id of its own",
    Reason.SPLIT_TRANSACTIONS: "put all transactions of this customer into one dead letter, and delete the others",
    Reason.BALANCE_MISMATCH: "make the transactions add up to the balance that was sent with the customer, then retry",
    Reason.NO_BALANCE: "the customer was sent without a balance: make the transactions add up to zero, then retry; or,"
    " if the account takes them as they are, retry with --unchanged",
    Reason.UNKNOWN_CUSTOMER: "migrate the customer first, then retry (with --unchanged if it was migrated from"
    " elsewhere); or delete the dead letter",
    Reason.SENT_BEFORE: "delete the dead letter if it is one purchase; if not, give it a purchase_id of its own",
    Reason.TRUNCATED_INPUT: "version 0.1.0 found the file's end within this line: export the line again",
    Reason.REFUSED: "see in the message who refused it and why; correct the record, or ask them to let it pass",
    Reason.CUSTOMER_NOT_MIGRATED: (
        "its customer is a dead letter, or unknown to the account: correct or add the customer first, then retry"
    ),
    Reason.TAKEN_BACK: "taken back by a revert and due to be sent again: start `migrate` again",
    Reason.DISCARDED: "given up by `resolve --discard`: correct it to have `retry` send it",
}


class SkipReason(enum.StrEnum):
    """Why a valid record, or an item of it, is not to be migrated (guides/migrate-customers)."""

    DELETED_CUSTOMER = "deleted_customer"
    CUSTOMER_DELETED = "customer_deleted"
    """The record belongs to a customer who was skipped as deleted."""
    REVERSED_EVENT = "reversed_event"
