"""An S3-shaped server on loopback that misbehaves on demand, as object storage may, and real servers rarely do.

It serves `GET`, `HEAD` and `PUT` of objects with ranges and `If-Match`, and lists a bucket. `faults` holds what the
next requests come to; `before` is called before each request is answered, for example to replace an object.
"""

import hashlib
import socket
import struct
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

MODIFIED = "Mon, 30 Nov 2026 04:58:02 GMT"


@dataclass
class Bucket:
    """What a server holds, and what it does to requests."""

    objects: dict = field(default_factory=dict)
    faults: deque = field(default_factory=deque)
    """Names of faults, one for each of the next GET requests; an empty name is no fault."""
    put_faults: deque = field(default_factory=deque)
    """The same for the next PUT requests."""
    deny_writes: bool = False
    always: str = ""
    """A fault of every request."""
    seen: list = field(default_factory=list)
    """Method, path with query, range and condition of every request."""
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when the server ends: what hangs goes on then."""
    before: object = None
    etag_of: object = None
    """Returns the ETag of a body; by default as S3 does for an upload in one part."""
    url: str = ""

    def etag(self, body):
        return self.etag_of(body) if self.etag_of else f'"{hashlib.md5(body).hexdigest()}"'  # noqa: S324 - as S3 does

    def ranges_of(self, key):
        """Return the ranges of an object that were asked for, in order."""
        return [found[2] for found in self.seen if found[0] == "GET" and found[1].partition("?")[0].endswith(key)]


def _list(bucket, name, query):
    prefix = query.get("prefix", [""])[0]
    delimiter = query.get("delimiter", [""])[0]
    rows, folders = [], set()
    for key, body in sorted(bucket.objects.items()):
        rest = key.removeprefix(f"{name}/")
        if rest == key or not rest.startswith(prefix):
            continue
        below = rest[len(prefix) :]
        if delimiter and delimiter in below:
            folders.add(prefix + below.partition(delimiter)[0] + delimiter)
            continue
        rows.append(
            f"<Contents><Key>{escape(rest)}</Key><LastModified>2026-11-30T04:58:02.000Z</LastModified>"
            f"<ETag>{escape(bucket.etag(body))}</ETag><Size>{len(body)}</Size></Contents>"
        )
    more = "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(folders))
    return (
        f"<?xml version='1.0'?><ListBucketResult><Name>{name}</Name><IsTruncated>false</IsTruncated>"
        f"<KeyCount>{len(rows)}</KeyCount>{''.join(rows)}{more}</ListBucketResult>"
    ).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves as one piece

    def log_message(self, *_arguments):
        """Say nothing."""

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def do_PUT(self):
        self._put(self._read_body())

    def _put(self, body):
        bucket = self.server.bucket
        bucket.seen.append(("PUT", self.path, "", ""))
        fault = "403" if bucket.deny_writes else bucket.put_faults.popleft() if bucket.put_faults else ""
        if fault:
            self._fail(int(fault))
            return
        bucket.objects[self._key()] = body
        self._send(200, b"", {"ETag": bucket.etag(body)})

    def _read_body(self):
        """Take the body, also in the chunks of `aws-chunked`."""
        length = int(self.headers.get("Content-Length", 0))
        return self.rfile.read(length)

    def _key(self):
        return unquote(urlsplit(self.path).path).removeprefix("/")

    def _answer(self, *, with_body):
        bucket, parts = self.server.bucket, urlsplit(self.path)
        asked = self.headers.get("Range", ""), self.headers.get("If-Match", "")
        bucket.seen.append((self.command, self.path, *asked))
        if bucket.before is not None:
            bucket.before(self)
        query = parse_qs(parts.query)
        fault = bucket.always or (bucket.faults.popleft() if with_body and bucket.faults else "")
        if fault.isdigit():
            self._fail(int(fault))
        elif "list-type" in query:
            self._send(200, _list(bucket, self._key().strip("/"), query), {"Content-Type": "application/xml"})
        elif self._key() not in bucket.objects:
            self._fail(404)
        else:
            self._send_object(bucket.objects[self._key()], fault, with_body=with_body)

    def _send_object(self, body, fault, *, with_body):
        etag = self.server.bucket.etag(body)
        facts = {"Last-Modified": MODIFIED, "Accept-Ranges": "bytes", **({"ETag": etag} if etag else {})}
        if fault == "no-time":
            del facts["Last-Modified"]
        asked, condition = self.headers.get("Range"), self.headers.get("If-Match")
        if condition and condition != etag and fault != "ignores-condition":
            self._fail(412)
            return
        if not with_body:
            self._send(200, b"", {**facts, "Content-Length": str(len(body))})
            return
        if asked is None or fault == "whole":
            self._send(200, body, facts)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        if int(first) >= len(body):
            self._fail(416)
            return
        piece = body[int(first) : int(last) + 1]
        facts["Content-Range"] = f"bytes {first}-{int(first) + len(piece) - 1}/{len(body)}"
        self._send_piece(piece, facts, fault, first, len(body))

    def _send_piece(self, piece, facts, fault, first, size):
        match fault:
            case "short":  # says what it sends, which is less than was asked for
                piece = piece[: max(1, len(piece) // 3)]
                facts["Content-Range"] = f"bytes {first}-{int(first) + len(piece) - 1}/{size}"
            case "wrong-length":  # says more than it sends
                self._begin(206, {**facts, "Content-Length": str(len(piece) + 7)})
                self.wfile.write(piece)
                self._cut()
                return
            case "other-range":
                facts["Content-Range"] = f"bytes 0-{len(piece) - 1}/{size}"
            case "reset":
                self._begin(206, {**facts, "Content-Length": str(len(piece))})
                self.wfile.write(piece[: len(piece) // 2])
                self._cut()
                return
            case "hang":
                self._begin(206, {**facts, "Content-Length": str(len(piece))})
                self.wfile.write(piece[: len(piece) // 2])
                self.wfile.flush()
                self.server.bucket.closing.wait()
                return
            case "slow":
                self._begin(206, {**facts, "Content-Length": str(len(piece))})
                for begin in range(0, len(piece), 1 + len(piece) // 5):
                    self.wfile.write(piece[begin : begin + 1 + len(piece) // 5])
                    self.wfile.flush()
                    time.sleep(0.02)
                return
        self._send(206, piece, facts)

    def _cut(self):
        """Reset the connection: no more bytes, and no orderly end."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _fail(self, status):
        codes = {503: "SlowDown", 403: "AccessDenied", 404: "NoSuchKey", 412: "PreconditionFailed", 416: "InvalidRange"}
        code = codes.get(status, "InternalError")
        secret = "<StringToSign>SECRET-IN-AN-ANSWER</StringToSign>"
        body = b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code>{secret}</Error>".encode()
        self._send(status, body, {"Content-Type": "application/xml"})

    def _send(self, status, body, headers):
        self._begin(status, {"Content-Length": str(len(body)), **headers})
        self.wfile.write(body)

    def _begin(self, status, headers):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class Server(ThreadingHTTPServer):
    """Listens on loopback."""

    daemon_threads = True

    def __init__(self, *arguments):
        """Remember connections: they are open until the client closes them, also without a server."""
        super().__init__(*arguments)
        self.connections = set()

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_arguments):
        """Say nothing: a client may end at any time."""


@contextmanager
def serving(port=0):
    """Serve an empty bucket until the end of the block."""
    server = Server(("127.0.0.1", port), Handler)
    server.bucket = Bucket(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.bucket
    finally:
        server.bucket.closing.set()
        server.shutdown()
        server.server_close()
        for connection in [*server.connections]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()


def credentials(url):
    """Return the environment variables of a client of the server at `url`."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "AKIA-TEST",
        "AWS_SECRET_ACCESS_KEY": "SECRET-OF-THE-ENVIRONMENT",
        "AWS_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1,localhost",
    }
