"""RTMP by hand, for what no encoder sends: the handshake, the chunk stream and AMF0, each as wrong as a test wants it."""

import os
import socket
import ssl
import struct
from urllib.parse import urlsplit

VERSION = 3
HANDSHAKE_BYTES = 1_536
CHUNK_BYTES = 128
SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, CONTROL, WINDOW, AUDIO, VIDEO, DATA, COMMAND = 1, 2, 3, 4, 5, 8, 9, 18, 20


def amf(*values) -> bytes:
    """AMF0 of numbers, strings, booleans, None and objects."""

    def one(value) -> bytes:
        if value is None:
            return b"\x05"
        if isinstance(value, bool):
            return bytes([1, value])
        if isinstance(value, (int, float)):
            return b"\x00" + struct.pack("!d", value)
        if isinstance(value, str):
            return b"\x02" + name(value)
        return b"\x03" + b"".join(name(key) + one(item) for key, item in value.items()) + b"\x00\x00\x09"

    def name(text: str) -> bytes:
        return struct.pack("!H", len(text)) + text.encode()

    return b"".join(one(value) for value in values)


def read_amf(data: bytes) -> list:
    """What a server says: numbers, booleans, strings, objects, arrays, null."""
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return data[at - size : at]

    def text() -> str:
        return take(struct.unpack("!H", take(2))[0]).decode()

    def one():
        kind = take(1)[0]
        if kind == 0:
            return struct.unpack("!d", take(8))[0]
        if kind == 1:
            return take(1) != b"\x00"
        if kind == 2:
            return text()
        if kind in (3, 8):
            if kind == 8:
                take(4)
            members = {}
            while (name := text()) or data[at] != 9:
                members[name] = one()
            take(1)
            return members
        if kind == 10:
            return [one() for _ in range(struct.unpack("!I", take(4))[0])]
        assert kind in (5, 6), f"a value of kind {kind}"
        return None

    values = []
    while at < len(data):
        values.append(one())
    return values


def chunk(kind: int, body: bytes, *, cid=3, stream=0, at=0, length: int | None = None, size=CHUNK_BYTES) -> bytes:
    """A message in chunks of `size`, its header whole in the first. `length` is what it claims, if that is not what it has."""
    claimed = len(body) if length is None else length
    head = _basic(0, cid) + min(at, 0xFFFFFF).to_bytes(3) + claimed.to_bytes(3) + bytes([kind]) + struct.pack("<I", stream)
    extended = struct.pack("!I", at) if at >= 0xFFFFFF else b""
    parts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    return head + extended + (_basic(3, cid) + extended).join(parts)


def _basic(form: int, cid: int) -> bytes:
    if cid < 64:
        return bytes([form << 6 | cid])
    if cid < 320:
        return bytes([form << 6, cid - 64])
    return bytes([form << 6 | 1]) + struct.pack("<H", cid - 64)


class Wire:
    """A connection to the door whose address is given as encoders are given it: `rtmp://host:port/app/`. `source` is the address from which
    it comes, where that matters."""

    def __init__(self, url: str, certificate=None, timeout=15.0, source=""):
        self.url = urlsplit(url)
        self.socket = socket.create_connection((self.url.hostname, self.url.port), timeout=timeout, source_address=(source, 0))
        if self.url.scheme == "rtmps":
            context = ssl.create_default_context(cafile=str(certificate))
            self.socket = context.wrap_socket(self.socket, server_hostname=self.url.hostname)
        self.seen = b""
        self.chunk_bytes = CHUNK_BYTES
        self.half: dict[int, tuple[int, int, bytes]] = {}

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def handshake(self) -> "Wire":
        self.send(bytes([VERSION]) + struct.pack("!II", 0, 0) + os.urandom(HANDSHAKE_BYTES - 8))
        assert self.take(1) == bytes([VERSION])
        self.send(self.take(HANDSHAKE_BYTES))
        self.take(HANDSHAKE_BYTES)
        return self

    def take(self, size: int) -> bytes:
        while len(self.seen) < size:
            more = self.socket.recv(65_536)
            if not more:
                raise ConnectionResetError("closed")
            self.seen += more
        taken, self.seen = self.seen[:size], self.seen[size:]
        return taken

    def command(self, *values, stream=0) -> None:
        self.send(chunk(COMMAND, amf(*values), stream=stream))

    def connect(self, app="app") -> "Wire":
        host = f"{self.url.scheme}://{self.url.netloc}/{app}"
        self.command("connect", 1, {"app": app, "type": "nonprivate", "flashVer": "FMLE/3.0", "tcUrl": host})
        self.until("_result")
        self.command("createStream", 2, None)
        self.until("_result")
        return self

    def rush(self, key: str) -> None:
        """Everything up to the wish to publish at once, without a look at the answers."""
        self.send(bytes([VERSION]) + bytes(2 * HANDSHAKE_BYTES) + chunk(COMMAND, amf("connect", 1, {"app": "app"}))
                  + chunk(COMMAND, amf("createStream", 2, None)) + chunk(COMMAND, amf("publish", 3, None, key, "live"), stream=1))

    def status_of_rush(self) -> dict:
        """The status that the server answers with."""
        self.take(1 + 2 * HANDSHAKE_BYTES)
        return self.until("onStatus")[3]

    def publish(self, key: str) -> dict:
        """Gives the status that the server answers with."""
        self.command("publish", 3, None, key, "live", stream=1)
        return self.until("onStatus")[3]

    def until(self, name: str) -> list:
        while True:
            kind, body = self.message()
            if kind == COMMAND and (values := read_amf(body))[0] == name:
                return values

    def message(self) -> tuple[int, bytes]:
        """The next message. The server's chunk streams have small numbers, and its times are short."""
        while True:
            first = self.take(1)[0]
            form, cid = first >> 6, first & 0x3F
            kind, length, body = self.half.get(cid, (0, 0, b""))
            if form < 3:
                head = self.take((11, 7, 3)[form])
                if form < 2:
                    length, kind = int.from_bytes(head[3:6]), head[6]
            body += self.take(min(length - len(body), self.chunk_bytes))
            if len(body) < length:
                self.half[cid] = (kind, length, body)
                continue
            self.half[cid] = (kind, length, b"")
            if kind == SET_CHUNK_SIZE:
                self.chunk_bytes = int.from_bytes(body)
            return kind, body

    def wait_closed(self) -> bytes:
        """Reads until the server closes; gives what it said until then. The socket's timeout is how long that may take."""
        said = b""
        try:
            while more := self.socket.recv(65_536):
                said += more
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            pass
        return said
