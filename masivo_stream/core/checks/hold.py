"""Which lines a finding holds back, and in which words: the message of the dead letter that each of them becomes."""

from collections.abc import Callable, Iterator, Sequence

from masivo_stream.core.checks.amounts import for_people
from masivo_stream.model.findings import HELD_AS, HELD_ITEMS, CheckName, ExportFault, HeldLine, LinePlace

MOST_LINES = 5
"""Lines that a message names of each side."""

_OF_SUMS = frozenset({CheckName.BALANCE_MISMATCH, CheckName.NO_BALANCE})

NameFile = Callable[[LinePlace], str]
"""Returns the name of the file that a line is in."""


def lines_to_hold(fault: ExportFault, name_file: NameFile) -> Iterator[tuple[int, HeldLine]]:
    """Yield the lines that a finding holds back, each with the number of its input; none for most warnings."""
    check = fault.check
    if check not in HELD_AS and check not in HELD_ITEMS:
        return
    message = _describe(fault, name_file)
    places = [fault.place]
    if check in _OF_SUMS:
        places += fault.others[1:]  # the first one is the customer's
    elif fault.holds_first:
        places += fault.others
    if check in HELD_ITEMS and fault.item is None:
        return
    if check is CheckName.SPLIT_TRANSACTIONS and not fault.holds_first:
        check = CheckName.DUPLICATE_ID  # the first line is all there is to send, and this one is beside it
    for place in places:
        yield place.source, HeldLine(line=place.line, check=check, item=fault.item, message=message)


def _describe(fault: ExportFault, name_file: NameFile) -> str:
    match fault.check:
        case CheckName.BALANCE_MISMATCH | CheckName.NO_BALANCE:
            return _describe_sums(fault, name_file)
        case CheckName.SPLIT_TRANSACTIONS if fault.holds_first:
            lines = _name_lines([*fault.others, fault.place], name_file)
            return f"transactions of this customer are on more than one line: {lines}"
        case CheckName.UNKNOWN_CUSTOMER:
            return "its customer is in no customers export"
        case CheckName.DUPLICATE_ID | CheckName.SPLIT_TRANSACTIONS:
            return f"an earlier line has the same customer: {_name_lines(fault.others, name_file)}"
        case CheckName.DUPLICATE_EMAIL:
            return f"an earlier customer has the same email: {_name_lines(fault.others, name_file)}"
        case _:
            return _name_lines(fault.others, name_file)


def _describe_sums(fault: ExportFault, name_file: NameFile) -> str:
    customer, *more = fault.others
    lines = _name_lines([fault.place, *more], name_file)
    sums = fault.sums
    if sums is None:  # a line came from a pipe and cannot be read again
        return f"the transactions ({lines}) do not add up to the balance ({_name_lines([customer], name_file)})"
    moved, held, difference = map(for_people, (sums.transactions, sums.balance, sums.difference))
    return (
        f"reward {sums.reward}: the transactions add up to {moved} ({lines}), the balance is {held}"
        f" ({_name_lines([customer], name_file)}): a difference of {difference}"
    )


def _name_lines(places: Sequence[LinePlace], name_file: NameFile) -> str:
    names = [f"{name_file(place)}:{place.line}" for place in places[:MOST_LINES]]
    more = len(places) - MOST_LINES
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")
