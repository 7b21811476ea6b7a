"""A scripted HTTP server on a real socket, for the fakes of model servers: what it was asked, and who hung up on it.

It speaks HTTP/1.1 in chunks, can keep silent, cut the line in the middle, and go on for ever; it always notices when
the other side has gone.
"""

import json
import select
import socket
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Self

LOOK_S = 0.02  # how often somebody who waits looks whether there is still somebody there


class HungUp(Exception):  # noqa: N818  said of the other side
    """The other side has gone."""


class Call(BaseHTTPRequestHandler):
    """One call; the server says what is answered."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "HttpServer"
    body: Any = None
    _chunked = False

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        self._chunked = False
        data = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            self.body = json.loads(data) if data else None
        except ValueError:
            self.reply(400, {"error": "invalid character in the request"})
            return
        self.server.note(self)
        try:
            self.server.answer(self)
            if self._chunked:
                self.wfile.write(b"0\r\n\r\n")
        except (HungUp, ConnectionError):
            self.server.hung_up.set()
            self.close_connection = True

    def reply(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
        """Answer at once: a string as it is, anything else as JSON."""
        is_text = isinstance(value, str)
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if is_text else "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, kind: str) -> None:
        """Begin to answer in chunks."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._chunked = True

    def chunk(self, data: bytes) -> None:
        """One chunk of the answer."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def cut(self) -> None:
        """Break the connection here."""
        self.connection.shutdown(socket.SHUT_RDWR)
        self._chunked = False
        self.close_connection = True

    def keep_silent(self, seconds: float = float("inf")) -> None:
        """Say nothing for so long, and notice who goes meanwhile."""
        while seconds > 0:
            if self.server.closing.is_set():
                raise HungUp
            readable, _, _ = select.select([self.connection], [], [], min(LOOK_S, seconds))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise HungUp
            seconds -= LOOK_S

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


class HttpServer(ThreadingHTTPServer):
    """A server for as long as the `with` lasts. Its port is its own from the start, and nobody listens there before."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Call, bind_and_activate=False)
        self.server_bind()
        self.seen: list[tuple[str, Any]] = []  # path and body of every call
        self.headers_seen: list[Mapping[str, str]] = []
        self.hung_up, self.closing = Event(), Event()
        self.lock = Lock()
        self._thread = Thread(target=self.serve_forever, args=(LOOK_S,))
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def note(self, call: Call) -> None:
        """Remember what was asked."""
        with self.lock:
            self.seen.append((call.path, call.body))
            self.headers_seen.append(dict(call.headers.items()))

    def answer(self, call: Call) -> None:
        """Answer a call."""
        raise NotImplementedError

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  the signature is socketserver's
        with self.lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401  the signature is socketserver's
        with self.lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def __enter__(self) -> Self:
        self.server_activate()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Be gone, as when the process was killed: every connection breaks."""
        if self.closing.is_set():
            return
        self.closing.set()
        self.shutdown()
        with self.lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it had gone already
        self.server_close()
        self._thread.join()
