"""Settle customers: whether one can be written, which of several rows counts, and who keeps an email."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.mapping.frame import ANY_WORD, FIRST_ACTIVITY, LEAVE_OUT, CustomerStatus, Policies
from masivo_stream.prepare.settling.remarks import Action, Remark, Why
from masivo_stream.prepare.settling.rows import CustomerRow, moment_key
from masivo_stream.prepare.settling.written_records import WrittenCustomer, text

GENDERS = ("MALE", "FEMALE")


class CustomerChoice(Struct):
    """The row that counts of a customer, or why no row does."""

    row: CustomerRow | None
    why: Why | None
    """Why the customer is left out; None if the customer is written."""
    remarks: list[Remark]


def choose_row(rows: Sequence[CustomerRow], policies: Policies, statuses: dict[str, CustomerStatus]) -> CustomerChoice:
    """Return which of the rows with one id counts. There is at least one row."""
    remarks: list[Remark] = []
    different: list[CustomerRow] = []
    known = set()
    for row in rows:
        said = msgspec.structs.astuple(row)[2:]
        if said in known:
            remarks.append(Remark(FlatTable.CUSTOMERS, Action.LEFT_OUT, Why.SAME_ROW_TWICE, row.place))
        else:
            known.add(said)
            different.append(row)
    row = different[-1] if policies.id_twice == "last" else different[0]
    if len(different) > 1 and policies.id_twice == LEAVE_OUT:
        remarks += [Remark(FlatTable.CUSTOMERS, Action.LEFT_OUT, Why.ID_TWICE, each.place) for each in different]
        return CustomerChoice(None, Why.CUSTOMER_LEFT_OUT, remarks)
    remarks += [
        Remark(FlatTable.CUSTOMERS, Action.LEFT_OUT, Why.ID_TWICE, each.place) for each in different if each is not row
    ]
    return CustomerChoice(row, why_not(row, policies, statuses), remarks)


def why_not(row: CustomerRow, policies: Policies, statuses: dict[str, CustomerStatus]) -> Why | None:
    """Return why a customer cannot be written by what the row says; None if it can."""
    if row.fault is not None:
        return Why(row.fault)
    if statuses:
        meaning = statuses.get(row.status or "", statuses.get(ANY_WORD))
        if meaning is None:
            return Why.UNMAPPED_STATUS
        if meaning != "active":
            return Why.CUSTOMER_DELETED if meaning == "deleted" else Why.STATUS_LEFT_OUT
    if row.email is None:
        return Why.MISSING_EMAIL
    if not is_email(row.email):
        return Why.NOT_AN_EMAIL
    if row.name is None and policies.missing_name == LEAVE_OUT:
        return Why.MISSING_NAME
    if row.registration_date is None and policies.missing_date == LEAVE_OUT:
        return Why.MISSING_DATE
    return None


def is_email(written: str) -> bool:
    """Return whether a text may be an email: a name, one @, and a domain with a dot; no white space."""
    name, at, domain = written.rpartition("@")
    begin, dot, end = domain.rpartition(".")
    return bool(name and at and begin and dot and end) and "@" not in name and not any(map(str.isspace, written))


def email_key(written: str) -> str:
    """Return what two emails have in common if they are one mailbox."""
    return written.strip().lower()


def lose_email(candidates: Iterable[CustomerRow], policies: Policies) -> list[str]:
    """Return the ids of the customers that do not keep the email which all of these have.

    The candidates can be written, apart from this. A customer without a date of registration, which may yet turn out to
    have none, does not keep an email that a customer with one has.
    """
    order = sorted(candidates, key=lambda row: (moment_key(row.registration_date or ""), row.id or ""))
    if policies.email_twice == "newest":
        order.reverse()
    order.sort(key=lambda row: row.registration_date is None)
    ids = list(dict.fromkeys(row.id for row in order if row.id is not None))
    if policies.email_twice == LEAVE_OUT:
        return ids if len(ids) > 1 else []
    return ids[1:]


class Registration(Struct, frozen=True):
    """The date of registration to write, or None."""

    date: str | None
    guessed: bool


def registration(row: CustomerRow, policies: Policies, first_activity: str | None) -> Registration:
    """Return the date of registration; `first_activity` is the first date of what belongs to the customer."""
    if row.registration_date is not None:
        return Registration(row.registration_date, guessed=False)
    if policies.missing_date != FIRST_ACTIVITY:
        return Registration(fixed_date(policies.missing_date), guessed=True)
    return Registration(first_activity, guessed=True)


def first_moment(dates: Iterable[str | None]) -> str | None:
    """Return the earliest of some moments; None without any."""
    return min((date for date in dates if date is not None), default=None, key=moment_key)


def fixed_date(written: str) -> str:
    """Return the policy's date as it is written in records: a date alone is midnight in UTC."""
    return written if "T" in written else f"{written}T00:00:00Z"


def write_customer(row: CustomerRow, name: str, registered: str, remarks: list[Remark]) -> WrittenCustomer:
    """Return the record of a customer without balances."""

    def note(why: Why) -> None:
        remarks.append(Remark(FlatTable.CUSTOMERS, Action.CORRECTED, why, row.place))

    gender = row.gender.upper() if row.gender is not None else None
    if gender is not None and gender not in GENDERS:
        note(Why.NOT_A_GENDER)
        gender = None
    objects: list[Raw | UnsetType] = []
    for written in (row.tags, row.metadata):
        found = _object(written)
        if found is None:
            note(Why.NOT_AN_OBJECT)
        objects.append(UNSET if found is None else found)
    return WrittenCustomer(
        id=row.id or "",
        name=name,
        email=row.email or "",
        registration_date=registered,
        gender=text(gender),
        dob=text(row.dob),
        document_type=text(row.document_type),
        document_number=text(row.document_number),
        country=text(row.country),
        tags=objects[0],
        metadata=objects[1],
    )


def _object(written: str | None) -> Raw | UnsetType | None:
    """Return a JSON object as it is written, UNSET if there is no text, None if the text is no object."""
    if written is None:
        return UNSET
    try:
        found = _decode(written)
    except (ValueError, RecursionError):
        return None
    return Raw(msgspec.json.encode(found)) if isinstance(found, dict) else None


_decode = msgspec.json.Decoder(float_hook=lambda digits: Raw(digits.encode())).decode
"""Numbers keep their digits: as a double, a long one would change."""
