"""`masivo-stream report`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from masivo_stream.cli.options import CommonFlags, ValidationFlags, settings_from
from masivo_stream.model.errors import ConfigurationError

_STANDARD_OUTPUT = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


def report(
    *,
    output: Annotated[str | None, Parameter(name=("--output", "-o"))] = None,
    validation: ValidationFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Write the report of a run from its journal, also of one that was killed or is still at work.

    The report is one self-contained page: what was migrated, how it went, what is left to do. It holds positions and
    counts, no value of a record. Every run leaves one in its state directory; this command writes it again. Ends with 0
    if the report could be written, whatever the outcome of the run: `status` shows that.

    Example: `masivo-stream report --state-dir masivo-state -o migration.html`

    Parameters
    ----------
    output
        File for the page; /dev/stdout is standard output. Default: report.html in the state directory.
    """
    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.flow.commands import report as command

    common = common or CommonFlags()
    if output is not None and "://" in output:
        raise ConfigurationError(
            "the page is written to a file",
            operation="report",
            place="--output",
            hint="name a file; migrate --publish copies the report of a run to object storage",
        )
    state_dir = settings_from(common, validation).state.state_dir
    found = command.report(state_dir)
    if common.json:
        if output is not None:
            raise ConfigurationError(
                "the report goes to one place only",
                operation="report",
                place="--output",
                hint="use --json or --output, not both",
            )
        return print_json(found, question=True)

    from masivo_stream.edges.files.state_dir import replace_file
    from masivo_stream.observe.report_page import draw_report

    if output in _STANDARD_OUTPUT:
        return answer(lambda: sys.stdout.write(draw_report(found)), question=True)
    page, path = draw_report(found), Path(state_dir) / "report.html" if output is None else Path(output)
    if path.is_symlink() or (path.exists() and not path.is_file()):  # a device or a link: not replaced by a file
        path.write_text(page, encoding="utf-8")
        return 0
    replace_file(path, page.encode())
    return answer(lambda: print(path), question=True)  # noqa: T201 - the answer
