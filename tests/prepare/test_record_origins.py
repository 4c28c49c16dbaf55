"""Each line of an export is traced to the first row of a source that is in it."""

import csv
import json
from pathlib import Path

import pytest
from random_tables import write_random_tables

from masivo_stream.core.checks.name_origins import name_origins
from masivo_stream.model.findings import (
    CheckName,
    CheckResult,
    ExportChecks,
    ExportFinding,
    FoundField,
    FoundLine,
    RowOrigin,
)
from masivo_stream.prepare.engine import run as running
from masivo_stream.prepare.engine.record_origins import OriginsOfLines, RecordOrigin, origin_of
from masivo_stream.prepare.engine.run import prepare

CUSTOMER_COLUMNS = {"people-1.csv": 0, "people-2.csv": 0, "orders.csv": 1, "more.csv": 1, "ledger.csv": 0}


@pytest.mark.parametrize("seed", [4, 5])
def test_the_row_is_of_the_customer_of_the_line(tmp_path, monkeypatch, seed):
    """Whatever is left out, merged or added: in all kinds, over partitions, and no line more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", 100)
    write_random_tables(tmp_path, seed)
    rows = {}
    for name in CUSTOMER_COLUMNS:
        with Path(name).open(newline="", encoding="utf-8") as file:
            rows[name] = list(csv.reader(file))
    with Path("mapping.toml").open("a") as file:
        file.write("[engine]\nthreads = 1\n")
    with OriginsOfLines() as origins:
        assert origins.find("export/customers.ndjson", 1) is None
        found = prepare("mapping.toml", Path("export"), origins=origins)
        assert not Path("export/.spill").exists()
        assert found.kinds == ("customers", "events", "transactions")
        for kind in found.kinds:
            lines = Path(f"export/{kind}.ndjson").read_bytes().splitlines()
            for number, line in enumerate(lines, start=1):
                origin = origins.find(f"any/where/{kind}.ndjson", number)
                record = json.loads(line)
                assert rows[origin.file][origin.line - 1][CUSTOMER_COLUMNS[origin.file]].strip() == record["id"]
                assert origin.rows >= (len(record["events"]) if kind == "events" else 1)
            assert origins.find(f"{kind}.ndjson", len(lines) + 1) is None
        assert origins.find("left-out.csv", 1) is None


def test_an_origin_has_always_as_many_bytes():
    """So a line is found without reading those before it."""
    assert origin_of({7, 5, 9}) == RecordOrigin(5, 3)
    assert origin_of(set()) == RecordOrigin(0, 0)
    assert len(RecordOrigin((1 << 60) + 1, 1).encode()) == len(RecordOrigin(0, 0).encode())


def test_every_line_that_a_finding_names_has_its_origin():
    """Also the others beside it, and the first one of a field; what is not known stays as it is."""
    line = FoundLine(file="customers.ndjson", line=2, offset=1)
    unknown = FoundLine(file="customers.ndjson", line=3, offset=2)
    first = ExportFinding(file="events.ndjson", line=4, offset=0, others=(line, unknown))
    field = FoundField(field="name", records=1, file="customers.ndjson", line=2, offset=1)
    result = CheckResult(
        check=CheckName.DUPLICATE_ID, severity="error", count=1, meaning="", first=(first,), fields=(field,)
    )
    known = {("customers.ndjson", 2): RowOrigin("a.csv", 5, 1), ("events.ndjson", 4): RowOrigin("b.csv", 6, 3)}
    checks = name_origins(ExportChecks(results=(result,)), lambda file, line: known.get((file, line)))
    found = checks.results[0]
    assert found.first[0].origin == RowOrigin("b.csv", 6, 3)
    assert found.first[0].others[0].origin == found.fields[0].origin == RowOrigin("a.csv", 5, 1)
    assert found.first[0].others[1] == unknown
    assert name_origins(checks, lambda _file, _line: None) == ExportChecks(results=(result,))
