"""A wire to the database that can be cut after a request went through and before its answer came back."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


class Proxy:
    """Forwards to the server of `url`; `lose` makes answers vanish. Use it as a context manager."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 27017)
        self._listener = socket.create_server(("127.0.0.1", 0))
        user, at, _ = parts.netloc.rpartition("@")
        options = {name: value for name, value in parse_qsl(parts.query) if name.lower() != "replicaset"}
        self.url = urlunsplit(
            parts._replace(
                netloc=f"{user}{at}127.0.0.1:{self._listener.getsockname()[1]}",
                query=urlencode(options | {"directConnection": "true"}),
            )
        )
        self._lock = threading.Lock()
        self._command, self._left = b"", 0
        self.lost = 0  # how many answers vanished

    def lose(self, command: str, times: int = 1) -> None:
        """Let the next requests of that command through and cut the connection instead of answering."""
        with self._lock:
            self._command, self._left = b"\x02" + command.encode() + b"\x00", times

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, contextlib.suppress(OSError):
            doomed = threading.Event()
            answers = threading.Thread(target=self._answer, args=(server, client, doomed), daemon=True)
            answers.start()
            while request := client.recv(1 << 20):
                if self._is_to_be_lost(request):
                    doomed.set()
                server.sendall(request)
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while answer := server.recv(1 << 20):
                if doomed.is_set():
                    self.lost += 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(answer)

    def _is_to_be_lost(self, request: bytes) -> bool:
        with self._lock:
            hit = self._left > 0 and self._command in request
            self._left -= hit
            return hit
