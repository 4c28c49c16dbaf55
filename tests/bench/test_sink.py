"""The benchmarks' null sink counts what arrives, however the bytes are split."""

import json
import socket
import subprocess
import sys
import time

import pytest

SINK = (sys.executable, "-m", "masivo_stream.bench.sink")
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

pytestmark = pytest.mark.slow


@pytest.fixture
def connect(tmp_path):
    """Serve a sink; return connections to it."""
    port = tmp_path / "port"
    with subprocess.Popen([*SINK, "--port-file", str(port)]) as process:
        while not (port.exists() and port.read_text().strip()):
            assert process.poll() is None
            time.sleep(0.01)
        yield lambda: socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=10)
        process.terminate()


def post(body, *fields):
    head = ["POST /x HTTP/1.1", "Host: sink", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*head, "", ""]).encode() + body


def exactly(client, count):
    found = b""
    while len(found) < count:
        block = client.recv(count - len(found))
        assert block, found
        found += block
    return found


def stats(connect, what="stats"):
    with connect() as client:
        client.sendall(f"GET /{what} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    counted = json.loads(answer.partition(b"\r\n\r\n")[2])
    return counted["bodies"], counted["bytes"]


def test_requests_are_counted_in_blocks_of_any_size(connect):
    """Byte by byte, head and body in one block, two requests in one block, a body larger than a block."""
    large = b"x" * 3_000_000
    with connect() as client:
        for number in range(len(post(b"slowly"))):
            client.sendall(post(b"slowly")[number : number + 1])
        assert exactly(client, len(ANSWER)) == ANSWER
        client.sendall(post(b"one") + post(b"three"))
        assert exactly(client, 2 * len(ANSWER)) == 2 * ANSWER
        client.sendall(post(large))
        assert exactly(client, len(ANSWER)) == ANSWER
    assert stats(connect) == (4, len(b"slowly" + b"one" + b"three" + large))


def test_a_client_may_ask_to_continue_or_to_close(connect):
    """`Expect: 100-continue` is answered before the body, `Connection: close` is obeyed."""
    with connect() as client:
        asking = post(b"body", "Expect: 100-continue", "Connection: close")
        client.sendall(asking[:-4])
        assert exactly(client, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        assert b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"Connection: close\r\n\r\n{}")


def test_a_reset_sets_the_counts_to_zero(connect):
    """A reset returns the counts, and sets them to zero."""
    with connect() as client:
        client.sendall(post(b"body"))
        exactly(client, len(ANSWER))
    assert stats(connect, "reset") == (1, 4)
    assert stats(connect) == (0, 0)


def test_a_body_of_unknown_length_is_refused(connect):
    """Chunked bodies are answered 411: our client does not send them."""
    with connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 411 ")


def test_the_sink_serves_a_listening_socket_and_ends_with_its_input():
    """The parent may pass a listening socket, and keeps the sink running with a pipe."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        argv = [*SINK, "--listener", str(listener.fileno()), "--end-with-stdin"]
        with (
            subprocess.Popen(argv, pass_fds=[listener.fileno()], stdin=subprocess.PIPE) as process,
            socket.create_connection(listener.getsockname(), timeout=10) as client,
        ):
            client.sendall(post(b"body"))
            assert exactly(client, len(ANSWER)) == ANSWER
            process.stdin.close()
            assert process.wait(10) == 0
