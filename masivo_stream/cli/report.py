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
    """Make the report of a run from its journal, also of one that was killed, or is at work.

    One page that needs nothing else: what was migrated, how it went, what is left to do. It holds positions and counts,
    no value of a record. Every run leaves one; without a flag it is made anew there. Ends with 0 where it could be
    made, whatever became of the run: `status` tells that.

    Example: `masivo-stream report --state-dir masivo-state -o migration.html`

    Parameters
    ----------
    output
        Where the page goes; report.html in the state directory without it. /dev/stdout is standard output.
    """
    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.flow.commands import report as command

    common = common or CommonFlags()
    state_dir = settings_from(common, validation).state.state_dir
    found = command.report(state_dir)
    if common.json:
        if output is not None:
            raise ConfigurationError(
                "the report goes to one place", operation="report", place="--output", hint="--json or --output"
            )
        return print_json(found, question=True)

    from masivo_stream.edges.files.state_dir import replace_file
    from masivo_stream.observe.report_page import draw_report

    if output in _STANDARD_OUTPUT:
        return answer(lambda: sys.stdout.write(draw_report(found)), question=True)
    page, path = draw_report(found), Path(state_dir) / "report.html" if output is None else Path(output)
    if path.is_symlink() or (path.exists() and not path.is_file()):  # /dev/stdout: no file is put in its place
        path.write_text(page, encoding="utf-8")
        return 0
    replace_file(path, page.encode())
    return answer(lambda: print(path), question=True)  # noqa: T201 - the answer
