"""Measure each job in a child process: read jobs from standard input, a line of JSON each, and answer likewise.

    python -m masivo_stream.bench.fork_server

Each child is forked from this process, which has imported everything and done nothing else. So the peak memory of a
child is its own, no cache is warm that is cold in a command, and the child starts in almost no time. This process has
no thread and no event loop, so forking is safe. It ends when its input ends.
"""

import os
import sys

import msgspec

from masivo_stream.bench.stages import work
from masivo_stream.model.bench_result import Failed, Job, Measured
from masivo_stream.model.errors import ExitCode


def main() -> None:
    """Serve until the input ends."""
    decoder = msgspec.json.Decoder(Job)
    for line in sys.stdin.buffer:
        _answer(_in_a_child(decoder.decode(line)))


def _in_a_child(job: Job) -> Measured | Failed:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _work_and_end(job, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        return Failed(
            message=f"the process that measured it ended with {os.waitstatus_to_exitcode(status)}",
            exit_code=ExitCode.BUG,
            operation=f"measure {job.case.kind}: {job.case.label}",
        )
    return msgspec.json.decode(answer, type=Measured | Failed)


def _work_and_end(job: Job, writing: int) -> None:
    """Do the job and end the process: only the parent may run the code after the fork."""
    code = ExitCode.BUG
    try:
        os.write(writing, msgspec.json.encode(work(job)))
        code = ExitCode.COMPLETE
    except BaseException:  # noqa: BLE001 - printed here: the parent sees only the exit code
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _answer(found: Measured | Failed) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
