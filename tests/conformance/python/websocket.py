"""A WebSocket client (RFC 6455) that does what it is told, in the thread of a test."""

import json
import os
import socket
import struct
from urllib.parse import urlsplit


class Closed(Exception):
    """The server has closed the socket, or has not opened it."""

    def __init__(self, code: int, reason: str):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class WebSocket:
    """One socket; `Closed` with the HTTP status where there is no upgrade."""

    def __init__(self, url: str, *protocols: str):
        place = urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port), timeout=20)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(
            f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: {', '.join(protocols)}\r\n\r\n".encode()
        )
        status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip().decode():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        if status != 101:
            self.close()
            raise Closed(status, "no upgrade")

    def __enter__(self) -> "WebSocket":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Without a word."""
        self.file.close()
        self.socket.close()

    def say(self, kind: str, **members) -> None:
        self._send(1, json.dumps({"type": kind, **members}).encode())

    def _send(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack("!H", length) if length < 65_536 else b"\xff" + struct.pack("!Q", length)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode]) + size + mask + masked)

    def hear(self) -> dict:
        """The next message."""
        while True:
            head, length = self._read(2)
            length &= 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", self._read(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self._read(8))
            payload = self._read(length)
            match head & 0x0F:
                case 1:
                    return json.loads(payload)
                case 8:
                    raise Closed(int.from_bytes(payload[:2]), payload[2:].decode())
                case 9:
                    self._send(10, payload)

    def find(self, kind: str, **members) -> dict:
        """The next message of that type with these members, whatever comes before."""
        while True:
            message = self.hear()
            if message["type"] == kind and members.items() <= message.items():
                return message

    def _read(self, count: int) -> bytes:
        data = self.file.read(count)
        if len(data) < count:
            raise Closed(1006, "the connection is gone")
        return data
