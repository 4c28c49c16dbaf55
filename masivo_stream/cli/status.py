"""`masivo-stream status`."""

from pathlib import Path
from typing import Annotated

from masivo_stream.cli.options import Switch
from masivo_stream.model.errors import ConfigurationError


def status(*, state_dir: str = "masivo-state", json: Annotated[bool, Switch] = False) -> int:
    """Tell where the run of a state directory stands.

    Ends with the run's own exit code; 0 while it is at work.

    Example: `masivo-stream status --state-dir masivo-state`

    Parameters
    ----------
    state_dir
        The run's state directory.
    json
        One JSON document on standard output.
    """
    import msgspec

    from masivo_stream.cli.output import print_json, show_summary
    from masivo_stream.edges.statedir import is_owned
    from masivo_stream.flow.migrate import REPORT
    from masivo_stream.model.summary import Summary

    owner = is_owned(Path(state_dir))
    try:
        summary = msgspec.json.decode((Path(state_dir) / REPORT).read_bytes(), type=Summary)
    except OSError as error:
        if owner is None:
            raise ConfigurationError(
                "no finished run stands here",
                operation="read the state",
                place=state_dir,
                hint="name the run's --state-dir; a run that was killed left no summary",
            ) from error
        print_json({"schema": 1, "owner": owner}) if json else print(f"at work: {owner}")  # noqa: T201 - the answer
        return 0
    except msgspec.DecodeError as error:
        raise ConfigurationError("the report cannot be read", operation="read the state", place=state_dir) from error
    show_summary(summary, json=json)
    return summary.exit_code
