"""Being on a stage without media: an events socket, opened by hand."""

import socket
from urllib.parse import urlsplit


class Presence:
    """A participant that is connected while this is open. The stage's first snapshot has come when this exists."""

    def __init__(self, stage: dict, token: str):
        """`stage` is a stage as the control API shows it."""
        url = urlsplit(stage["endpoints"]["events"])
        self.socket = socket.create_connection((url.hostname, url.port), timeout=10)
        self.socket.sendall(
            f"GET {url.path}/{stage['arn'].rsplit('/', 1)[1]} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {token}\r\n\r\n".encode()
        )
        seen = b""
        while b"STAGE_STATE" not in seen:
            chunk = self.socket.recv(4096)
            assert chunk, f"the socket was closed: {seen!r}"
            seen += chunk

    def __enter__(self) -> "Presence":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()
