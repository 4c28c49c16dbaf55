"""Run the command in real processes, each forked from a process that has imported the program already.

The imports take two thirds of a short command's time, and the tests start thousands of commands. From its arguments,
environment and streams on, a forked process does what the installed command does. Other tests check that the installed
command starts (`end_to_end_tools.run_installed`).

A shell starts such a process by the command in `folder()`, which ends as the process ends and passes signals on to it.
"""

import array
import ast
import atexit
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

_MESSAGE = 1 << 20
OURS = "masivo_stream.cli.main:main"
DASK = ("distributed.cli.dask_scheduler:main", "distributed.cli.dask_worker:main")


class Forked:
    """A process, with the part of `subprocess.Popen` that the tests use."""

    def __init__(self, server, pid, argv):
        self._server, self.pid, self.args, self.returncode = server, pid, argv, None
        self._printed = ()
        self._end = os.pidfd_open(pid)

    def poll(self):
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout=None):
        if self.returncode is None:
            if not select.select([self._end], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = self._server.ask({"wait": self.pid})
            os.close(self._end)
        return self.returncode

    def communicate(self, timeout=None):
        """Return all of the standard output and the error output, if `begin` has started it."""
        self.wait(timeout)
        return [_read(file) for file in self._printed]

    def send_signal(self, number):
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class _Server:
    """The process that forks. Each test worker has one.

    Its own output is no file, in which it would have a place: that of its commands may be one, or not.
    """

    def __init__(self):
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.address = f"\0masivo-stream-tests-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as shells, theirs:
            shells.bind(self.address)
            shells.listen()
            passed = theirs.fileno(), shells.fileno()
            command = [sys.executable, __file__, *map(str, passed)]
            self._process = subprocess.Popen(command, pass_fds=passed, stdout=theirs, stderr=theirs)
        self._turn = threading.Lock()
        atexit.register(self._end)

    def _end(self):
        self._socket.close()
        self._process.wait()

    def ask(self, what, streams=()):
        text = json.dumps(what).encode()
        assert len(text) < _MESSAGE
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))] if streams else []
        with self._turn:  # threads of a test may ask at the same time
            self._socket.sendmsg([text], rights)
            return json.loads(self._socket.recv(_MESSAGE))


@cache
def _server(_pid):
    return _Server()


def start(argv, *, environment, streams, cwd=None, program=OURS):
    """Start the command. `streams`: the descriptors of its standard input, output and error output.

    `program` is the function that it calls, as `module:name`: ours, or one of Dask's commands.
    """
    server, argv = _server(os.getpid()), list(map(str, argv))
    asked = {"argv": argv, "environment": environment, "cwd": str(cwd or os.getcwd()), "program": program}  # noqa: PTH109
    return Forked(server, server.ask(asked, streams), argv)


def begin(argv, *, environment):
    """Start the command, and keep what it prints: `communicate` returns it. It has nothing on its standard input."""
    out, err = (os.memfd_create(name) for name in ("stdout", "stderr"))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - no path is needed
        process = start(argv, environment=environment, streams=(nothing.fileno(), out, err))
    process._printed = out, err
    return process


def run(argv, *, environment, stdin=b"", cwd=None, timeout=None):
    """Run the command to its end, as `subprocess.run` does."""
    reads, writes = os.pipe2(os.O_CLOEXEC)
    out, err = (os.memfd_create(name) for name in ("stdout", "stderr"))
    process = start(argv, environment=environment, streams=(reads, out, err), cwd=cwd)
    os.close(reads)
    writer = threading.Thread(target=_write, args=(writes, stdin))
    writer.start()
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        writer.join()
        told = [_read(file) for file in (out, err)]
    return subprocess.CompletedProcess(process.args, code, *told)


def _write(pipe, text):
    with suppress(BrokenPipeError), open(pipe, "wb") as file:  # noqa: PTH123 - it has no path
        file.write(text)


def _read(descriptor):
    with open(descriptor, "rb") as file:  # noqa: PTH123 - the same
        file.seek(0)
        return file.read()


_FOR_SHELLS = """#!{python} -ISs
import _signal, _socket, os, sys

SIGNALS = {{_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM, _signal.SIGUSR1, _signal.SIGUSR2}}

def pass_on(number, _):
    try:
        server.send(bytes([number]))
    except OSError:
        pass  # it has ended

ignored = [int(each) for each in SIGNALS if _signal.getsignal(each) == _signal.SIG_IGN]
umask = os.umask(0o077)
asked = {{"argv": [{command!r}, *sys.argv[1:]], "environment": dict(os.environ), "cwd": os.getcwd(),
         "program": {program!r}, "ignored": ignored, "umask": umask}}
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect({address!r})
for each in SIGNALS.difference(ignored):
    _signal.signal(each, pass_on)
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
server.sendmsg([repr(asked).encode("utf-8", "surrogatepass")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
code = int(server.recv(10))
if code < 0:
    if -code in SIGNALS:
        _signal.signal(-code, _signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""
"""What a shell starts. Python without its library starts in a twentieth of the command's own time."""


@cache
def _folder(_pid):
    """Return the directory, and what removes it when the process ends."""
    place = tempfile.TemporaryDirectory(prefix="masivo-stream-")
    atexit.register(place.cleanup)
    installed = str(Path(sys.executable).with_name("masivo-stream"))
    address = _server(os.getpid()).address
    command = Path(place.name, "masivo-stream")
    command.write_text(_FOR_SHELLS.format(python=sys.executable, command=installed, program=OURS, address=address))
    command.chmod(0o700)
    return Path(place.name)


def folder():
    """Return a directory whose `masivo-stream` has the command forked: for the PATH of a shell.

    A shell may do with it what it does with any program, except for what a process inherits by `exec` alone, as its
    limits (`ulimit`), or a stream that is closed.
    """
    return _folder(os.getpid())


def _serve(asked, shells):
    """Fork a process for each command that is requested, until the other end of the socket is closed."""
    _import_all()
    gc.freeze()
    servants = []
    while True:
        servants = [each for each in servants if os.waitpid(each, os.WNOHANG) == (0, 0)]
        if shells in select.select([asked, shells], [], [])[0]:
            shell, _ = shells.accept()
            servants.append(os.fork())
            if not servants[-1]:
                asked.close()
                shells.close()
                _serve_shell(shell)
                return
            shell.close()
            continue
        text, streams, *_ = socket.recv_fds(asked, _MESSAGE, 3)
        if not text:
            return
        what = json.loads(text)
        if "wait" in what:
            answer = os.waitstatus_to_exitcode(os.waitpid(what["wait"], 0)[1])
        else:
            _import_for(what)
            answer = os.fork()
            if not answer:
                asked.close()
                shells.close()
                _become(what, streams)
                return
            for stream in streams:
                os.close(stream)
        asked.send(json.dumps(answer).encode())


def _serve_shell(shell):
    """Fork the command of a shell. Pass signals on to it, and say how it ends; kill it if the other end is killed."""
    text, streams, *_ = socket.recv_fds(shell, _MESSAGE, 3)
    what = ast.literal_eval(text.decode("utf-8", "surrogatepass"))
    process = os.fork()
    if not process:
        shell.close()
        os.umask(what["umask"])
        for number in what["ignored"]:
            signal.signal(number, signal.SIG_IGN)
        _import_for(what)
        _become(what, streams)
        return
    for stream in streams:
        os.close(stream)
    end = os.pidfd_open(process)
    while end not in select.select([shell, end], [], [])[0]:
        passed_on = shell.recv(1)
        os.kill(process, passed_on[0] if passed_on else signal.SIGKILL)
    with suppress(OSError):
        shell.send(str(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])).encode())
    os._exit(0)


def _needs(what):
    """Return the modules of an extra that a command needs."""
    return [of.partition(":")[0] for of in DASK] if what["program"] in DASK or "--scheduler" in what["argv"] else []


def _import_for(what):
    for module in _needs(what):
        __import__(module)


def _import_all():
    import masivo_stream

    for module in pkgutil.walk_packages(masivo_stream.__path__, "masivo_stream."):
        if module.name.rpartition(".")[2] != "__main__":
            __import__(module.name)
    from anyio._core._eventloop import get_async_backend

    get_async_backend("asyncio")
    from masivo_stream.observe import report_page

    templates = report_page._template().environment  # each is compiled once a process, also those that it includes
    for name in templates.list_templates(filter_func=lambda name: name.endswith(".html")):
        templates.get_template(name)


def _become(what, streams):
    main = pkgutil.resolve_name(what["program"])
    os.chdir(what["cwd"])
    os.environ.clear()
    os.environ.update(what["environment"])
    sys.path[:0] = what["environment"].get("PYTHONPATH", "").split(os.pathsep)
    if _needs(what):
        sys.modules["dask"].config.refresh()  # it has read the environment of this process
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.argv = what["argv"]
    try:
        main()
    except SystemExit as ended:
        _end_quickly(ended.code)
        raise


def _end_quickly(code):
    """End as Python does, up to where it would take its memory apart: all that is imported, for each command again."""
    threading._shutdown()
    atexit._run_exitfuncs()
    with suppress(
        OSError, ValueError
    ):  # output that cannot be written decides the exit code: Python's own end does that
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:]))
