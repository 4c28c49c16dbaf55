"""One child a job: reads jobs from standard input, a line of JSON each, and answers on standard output likewise.

    python -m masivo_stream.bench.fork_server

Each job is worked on in a child forked from this process, which has imported everything and done nothing else. So its
peak of memory is its own, nothing is warm that would be cold in a command, and its start costs next to nothing. No
thread and no event loop runs here, so forking is safe. It ends with its input.
"""

import os
import sys

import msgspec

from masivo_stream.bench.stages import work
from masivo_stream.model.bench import Failed, Job, Measured
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
    """Never return: the code that comes after the fork is the parent's."""
    code = ExitCode.BUG
    try:
        os.write(writing, msgspec.json.encode(work(job)))
        code = ExitCode.COMPLETE
    except BaseException:  # noqa: BLE001 - told here: who waits sees the exit code only
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _answer(found: Measured | Failed) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
