"""Find, by queries over all rows, what settling one customer cannot see.

That is: values that were remarkable, rows that no SELECT returns, and emails that several customers have.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from masivo_stream.prepare.engine.casts import literal, quoted
from masivo_stream.prepare.engine.database import Database
from masivo_stream.prepare.engine.load import LoadedSource
from masivo_stream.prepare.engine.remark_list import RemarkList
from masivo_stream.prepare.engine.select import SelectedTable, listed_columns
from masivo_stream.prepare.engine.share import Share
from masivo_stream.prepare.mapping.flat_columns import LINE_PLACE, FlatTable
from masivo_stream.prepare.mapping.frame import Policies
from masivo_stream.prepare.settling.customers import choose_row, lose_email
from masivo_stream.prepare.settling.remarks import Action, Remark, Why
from masivo_stream.prepare.settling.rows import CustomerRow
from masivo_stream.prepare.settling.settle import SettlingRules
from masivo_stream.prepare.sources.places import make_place
from masivo_stream.prepare.sources.source_rows import WORDS

_NOTED = {Why.ROUNDED, Why.ZERO_DATE, Why.SKIPPED_HOUR, Why.REPEATED_HOUR, Why.AMBIGUOUS_DATE}
"""Words about values that are used."""


FlatWords = tuple[int, int | None, str]
"""The place of a flat row, that of its line item, and the words about its values."""


def note_words(database: Database, source: LoadedSource, policies: Policies, remarks: RemarkList) -> None:
    """Add remarks about remarkable values of a source; a row that is left out for one has its remark elsewhere."""
    noted = set(_NOTED)
    noted |= {Why.BAD_NUMBER} if policies.bad_number == "blank" else set()
    noted |= {Why.BAD_DATE} if policies.bad_date == "blank" else set()
    query = f"SELECT place, {WORDS} FROM {literal(str(source.table))} WHERE {WORDS} IS NOT NULL ORDER BY place"
    for place, words in database.rows(query):
        for word in str(words).split():
            why = Why(word.partition(":")[0])
            if why in noted:
                remarks.remark_source(source.name, _action(why), why, *remarks.names.describe(place))


def _action(why: Why) -> Action:
    return Action.GUESSED if why is Why.AMBIGUOUS_DATE else Action.CORRECTED


def read_flat_words(database: Database, selected: SelectedTable, numbers: range) -> Iterator[FlatWords]:
    """Yield the words about values that a SELECT returned as text, in these partitions, in the order of the rows."""
    if not selected.has_rows(numbers):
        return iter(())
    return database.rows(
        f"SELECT place, {LINE_PLACE if selected.table is FlatTable.EVENTS else 'NULL'}, {WORDS}"
        f" FROM {selected.scan(numbers)} WHERE {WORDS} IS NOT NULL ORDER BY ALL"
    )


def remark_flat_words(table: FlatTable, rows: Iterable[FlatWords], remarks: RemarkList) -> None:
    """Add remarks about remarkable values that a SELECT returned as text."""
    for place, line_place, words in rows:
        for word in words.split():
            why = Why(word.partition(":")[0])
            if why in _NOTED:
                remarks.remark(Remark(table, _action(why), why, place, line_place))


def find_not_selected(
    database: Database, source: LoadedSource, files: range, returned: Iterable[str], share: Share
) -> Iterator[int]:
    """Yield the places of rows of a source that no SELECT returned, in order; of a share, those that it looks at.

    `files` are the numbers of the source's files; `returned` are queries of the places that SELECTs return.
    """
    own = f"BETWEEN {make_place(files.start, 0)} AND {make_place(files.stop, 0)}{share.chosen('found')}"
    queries = [f"SELECT found FROM ({query}) WHERE found {own}" for query in returned]
    queries.append("SELECT 0 AS found WHERE false")
    query = (
        f"SELECT found FROM (SELECT place AS found FROM read_parquet({literal(str(source.table))})) AS loaded ANTI JOIN"
        f" (SELECT DISTINCT found FROM ({' UNION ALL '.join(queries)})) AS returned USING (found)"
        f" WHERE loaded.found {own} ORDER BY found"
    )
    for (place,) in database.rows(query):
        yield place


def remark_not_selected(source: str, places: Iterable[int], remarks: RemarkList) -> None:
    """Add a remark per row of a source that no SELECT returned."""
    for place in places:
        remarks.remark_source(source, Action.LEFT_OUT, Why.NOT_SELECTED, *remarks.names.describe(place))


def find_lost_emails(database: Database, customers: SelectedTable | None, rules: SettlingRules, path: Path) -> None:
    """Write the ids of customers whose email another customer keeps into a Parquet file with one column, `id`."""
    listed = path.with_suffix(".csv")
    with listed.open("w", encoding="utf-8") as file:
        for id_ in _lost_emails(database, customers, rules):
            escaped = id_.replace('"', '""')
            file.write(f'"{escaped}"\n')
    scan = (
        f"read_csv({literal(str(listed))}, auto_detect = false, header = false, delim = ',', quote = '\"',"
        " escape = '\"', columns = {'id': 'VARCHAR'})"
    )
    database.execute(f"COPY (SELECT id FROM {scan}) TO {literal(str(path))} (FORMAT parquet)")
    listed.unlink()


def _lost_emails(database: Database, customers: SelectedTable | None, rules: SettlingRules) -> Iterator[str]:
    if customers is None or rules.customers is None or customers.is_empty:
        return
    key = "lower(trim(email))"
    scan = customers.scan()
    several = f"SELECT {key} AS shared FROM {scan} WHERE email IS NOT NULL GROUP BY shared HAVING min(id) <> max(id)"
    query = (
        f"SELECT {key} AS shared, {listed_columns(FlatTable.CUSTOMERS)} FROM {scan}"
        f" WHERE {key} IN ({several}) AND id IS NOT NULL"
        f" ORDER BY shared, id, place, {quoted('name')}, registration_date"
    )
    for _, group in groupby(database.rows(query), key=_first):
        candidates = []
        for _, rows in groupby((CustomerRow(*row[1:]) for row in group), key=_id):
            chosen = choose_row(list(rows), rules.policies, rules.customers.statuses)
            if chosen.row is not None and chosen.why is None:
                candidates.append(chosen.row)
        yield from lose_email(candidates, rules.policies)


def _first(row: tuple[Any, ...]) -> object:
    return row[0]


def _id(row: CustomerRow) -> str | None:
    return row.id
