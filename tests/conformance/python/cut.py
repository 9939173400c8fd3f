"""A wire that can be cut: a TCP forwarder in front of the server, whose connections end without a word of their client's."""

import selectors
import socket
import struct
import threading
from urllib.parse import urlsplit


class Cut:
    """Forwards connections to `url` until it is cut; those that come later are forwarded again."""

    def __init__(self, url: str):
        self._target = (urlsplit(url).hostname, urlsplit(url).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Cut":
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._wake.close()
        self._thread.join(10)

    def cut(self) -> None:
        """Resets every connection, both ways."""
        self._wake.send(b"x")

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    near, _ = self._listener.accept()
                    far = socket.create_connection(self._target, timeout=10)
                    for one, other in ((near, far), (far, near)):
                        self._pairs[one] = other
                        self._selector.register(one, selectors.EVENT_READ)
                elif key.fileobj is self._woken:
                    is_over = not self._woken.recv(1)
                    for each in list(self._pairs):
                        self._drop(each)
                    if is_over:
                        self._listener.close()
                        return
                elif key.fileobj in self._pairs:
                    self._forward(key.fileobj)

    def _forward(self, one: socket.socket) -> None:
        other = self._pairs[one]
        try:
            data = one.recv(65_536)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            for each in (one, other):
                self._drop(each)

    def _drop(self, one: socket.socket) -> None:
        if one not in self._pairs:
            return
        del self._pairs[one]
        self._selector.unregister(one)
        # A reset in place of an orderly end.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
