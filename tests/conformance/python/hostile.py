"""Generators of malformed datagrams, from a seed: STUN, DTLS, RTP and RTCP."""

import random
import struct
import zlib

MAGIC = 0x2112A442


def stun(rng: random.Random, count: int, ufrag: str = "") -> list[bytes]:
    """Binding requests and their like, with everything wrong that can be; `ufrag` is one that the server knows."""

    def attribute(kind: int, value: bytes, claimed: int | None = None) -> bytes:
        size = len(value) if claimed is None else claimed
        return struct.pack("!HH", kind, size) + value + bytes(-len(value) % 4)

    def message(*attributes: bytes, kind=0x0001, size=None, magic=MAGIC) -> bytes:
        body = b"".join(attributes)
        return struct.pack("!HHI", kind, len(body) if size is None else size, magic) + rng.randbytes(12) + body

    def fingerprint(head: bytes) -> bytes:
        head = head[:2] + struct.pack("!H", len(head) - 12) + head[4:]
        return head + attribute(0x8028, struct.pack("!I", (zlib.crc32(head) ^ 0x5354554E) & 0xFFFFFFFF))

    username = attribute(0x0006, f"{ufrag}:abcd".encode())
    guess = attribute(0x0008, rng.randbytes(20))
    shapes = [
        lambda: message()[:19],
        lambda: message(),
        lambda: message(kind=rng.randrange(0x4000)),
        lambda: message(username),
        lambda: message(username, attribute(0x0008, rng.randbytes(20))),
        lambda: fingerprint(message(username, guess)),
        lambda: message(username, guess, attribute(0x8028, rng.randbytes(4))),
        lambda: message(username, attribute(0x0008, b"")),
        lambda: message(*(attribute(kind, b"") for kind in rng.sample(range(0x40), 12))),
        lambda: message(attribute(0x0020, b""), attribute(0x0001, b""), kind=0x0101),
        lambda: message(username, attribute(0x0008, b"1234", 0xFFFF)),
        lambda: message(username, size=rng.randrange(0x10000)),
        lambda: message(username, magic=rng.randrange(1 << 32)),
        lambda: message(attribute(0x0006, rng.randbytes(600))),
        lambda: message(*[attribute(rng.randrange(1 << 16), rng.randbytes(rng.randrange(40))) for _ in range(20)]),
        lambda: flipped(rng, message(username, guess)),
        lambda: message(username, attribute(0x0025, b""), attribute(0x802A, bytes(8)), guess, kind=0x0011),
    ]
    return [rng.choice(shapes)() for _ in range(count)]


def dtls(rng: random.Random, count: int) -> list[bytes]:
    """Records in clear: hellos with the null cipher, fragments that do not fit, alerts, and what no client sends."""

    def record(kind: int, body: bytes, epoch=0, size=None) -> bytes:
        return struct.pack("!BHHHIH", kind, 0xFEFD, epoch, 0, rng.randrange(1 << 16), len(body) if size is None else size) + body

    def handshake(kind: int, body: bytes, total=None, offset=0, size=None) -> bytes:
        length = (len(body) if total is None else total).to_bytes(3)
        part = (len(body) if size is None else size).to_bytes(3)
        return bytes([kind]) + length + struct.pack("!H", rng.randrange(4)) + offset.to_bytes(3) + part + body

    def hello(ciphers=b"\x00\x00") -> bytes:
        return b"\xfe\xfd" + rng.randbytes(32) + b"\x00\x00" + struct.pack("!H", len(ciphers)) + ciphers + b"\x01\x00"

    shapes = [
        lambda: record(22, handshake(1, hello())),
        lambda: record(22, handshake(1, hello(b"\xc0\x2b\xc0\x2f"))),
        lambda: record(22, handshake(1, hello(), total=0xFFFFFF, offset=rng.randrange(1 << 24))),
        lambda: record(22, handshake(1, rng.randbytes(100), total=60_000, offset=rng.randrange(59_000))),
        lambda: record(22, handshake(rng.randrange(30), rng.randbytes(rng.randrange(200)))),
        lambda: record(22, handshake(1, b"", size=0xFFFFFF)),
        lambda: record(22, handshake(0, b"")),
        lambda: record(21, b"\x02\x28"),
        lambda: record(21, b"\x01\x00"),
        lambda: record(20, b"\x01"),
        lambda: record(23, rng.randbytes(64)),
        lambda: record(23, rng.randbytes(64), epoch=1),
        lambda: record(21, rng.randbytes(32), epoch=1),
        lambda: record(24, b"\x01\xff\xff"),
        lambda: record(22, b"", size=0xFFFF),
        lambda: record(22, rng.randbytes(20))[: rng.randrange(1, 13)],
        lambda: flipped(rng, record(22, handshake(1, hello()))),
    ]
    return [rng.choice(shapes)() for _ in range(count)]


def rtp(rng: random.Random, count: int, ssrc: int, payload_type: int, first: int) -> list[tuple[bytes, int, int]]:
    """Packets with the length of what stays in clear of them, and their extended numbers, which go on from `first`."""

    def packet(payload: bytes, *, first_byte=0x80, marker=0, header=b"", kind=payload_type, step=0, of=ssrc, stamp=None):
        number = first + index + step
        time = rng.randrange(1 << 32) if stamp is None else stamp
        head = struct.pack("!BBHII", first_byte, marker << 7 | kind, number & 0xFFFF, time, of)
        return head + header + payload, 12 + len(header), number

    shapes = [
        lambda: packet(b"\x65" + bytes(20) + b"\xff", first_byte=0xA0),  # more padding than there is payload
        lambda: packet(b"\x00", first_byte=0xA0),
        lambda: packet(b"", first_byte=0xA0),
        lambda: packet(b"", first_byte=0x90),  # an extension without its head
        lambda: packet(b"", first_byte=0x90, header=b"\xbe\xde\xff\xff"),
        lambda: packet(b"\x41", first_byte=0x90, header=b"\xbe\xde\x00\x01\x1f\xaa\xbb\xcc"),
        lambda: packet(b"\x41", first_byte=0x90, header=b"\x10\x00\x00\x01\x01\xff\x00\x00"),
        lambda: packet(rng.randbytes(8), first_byte=0x8F),  # fifteen sources and no room for them
        lambda: packet(rng.randbytes(8), first_byte=0x8F, header=rng.randbytes(60)),
        lambda: packet(b""),
        lambda: packet(bytes([rng.randrange(256)])),
        lambda: packet(b"\x18" + b"\xff\xff\x65"),  # an aggregate that says more than it has
        lambda: packet(b"\x18\x00\x00\x00\x00"),
        lambda: packet(b"\x18" + b"\x00\x01\x67" * 300),
        lambda: packet(b"\x1c"),  # a fragment without its head
        lambda: packet(b"\x1c\xc5"),
        lambda: packet(b"\x1c\x05" + rng.randbytes(100)),
        lambda: packet(b"\x67" + rng.randbytes(rng.randrange(40)), marker=1),  # parameter sets of nonsense
        lambda: packet(b"\x67\x42\xc0\x1f" + b"\xff" * 30, marker=1),
        lambda: packet(b"\x67\x42\xc0\x1f" + bytes(60), marker=1),
        lambda: packet(b"\x65" + rng.randbytes(1_100), marker=1),
        lambda: packet(b"\x65" + rng.randbytes(1_379), marker=1),
        lambda: packet(rng.randbytes(50), step=rng.randrange(60)),
        lambda: packet(rng.randbytes(50), stamp=0),
        lambda: packet(rng.randbytes(50), kind=rng.randrange(64)),
        lambda: packet(rng.randbytes(50), of=rng.randrange(1 << 32)),
    ]
    made = []
    for index in range(count):
        made.append(rng.choice(shapes)())
    # A leap last: whatever comes after it is old.
    index = count
    made.append(packet(rng.randbytes(50), step=20_000))
    return made


def rtcp(rng: random.Random, count: int, ssrc: int, foreign: int) -> list[bytes]:
    """Feedback about `foreign`, reports and byes. `ssrc` is the sender's."""

    def packet(kind: int, body: bytes, number=0, words=None, sender=ssrc) -> bytes:
        body += bytes(-len(body) % 4)
        size = len(body) // 4 + 1 if words is None else words
        return struct.pack("!BBHI", 0x80 | number, kind, size, sender) + body

    media = struct.pack("!I", foreign)

    def remb(exponent: int, mantissa: int, ssrcs=1) -> bytes:
        return packet(206, bytes(4) + b"REMB" + struct.pack("!I", ssrcs << 24 | exponent << 18 | mantissa) + media, 15)

    def storm() -> bytes:
        pairs = b"".join(struct.pack("!HH", rng.randrange(1 << 16), 0xFFFF) for _ in range(rng.randrange(1, 200)))
        return packet(205, media + pairs, 1)

    shapes = [
        storm,
        storm,
        lambda: packet(206, media, 1),
        lambda: packet(206, media + media + bytes([rng.randrange(256), 0, 0, 0]), 4),
        lambda: packet(206, media + b"".join(rng.randbytes(8) for _ in range(100)), 4),
        lambda: remb(0, 0),
        lambda: remb(63, 0x3FFFF),
        lambda: remb(10, 5, 255),
        lambda: packet(205, media + rng.randbytes(rng.randrange(64)), 15),
        lambda: packet(205, media + struct.pack("!HHI", rng.randrange(1 << 16), 0xFFFF, 0xFFFFFF00) + b"\x3f\xff" * 20, 15),
        lambda: packet(205, media + struct.pack("!HHI", 7, 0, 0), 15),
        lambda: struct.pack("!BBH", 0x81, 203, 1) + media,
        lambda: struct.pack("!BBH", 0x9F, 203, 1) + media,
        lambda: packet(203, b"\xff" + b"bye", 1),
        lambda: packet(200, rng.randbytes(20), rng.randrange(32)),
        lambda: packet(201, rng.randbytes(24 * rng.randrange(4)), rng.randrange(32)),
        lambda: packet(202, b"\x01\xff" + bytes(6), 1),
        lambda: packet(204, b"ABCD" + rng.randbytes(40)),
        lambda: packet(207, rng.randbytes(40)),
        lambda: packet(206, media, 1, words=0xFFFF),
        lambda: packet(201, b"", 0, words=0),
        lambda: b"".join(packet(201, b"") for _ in range(150)),
        lambda: packet(rng.randrange(192, 224), rng.randbytes(rng.randrange(80)), rng.randrange(32)),
    ]
    return [rng.choice(shapes)() for _ in range(count)]


def flipped(rng: random.Random, data: bytes) -> bytes:
    """With some bits wrong, and the first byte as it was: it says whose the datagram is."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 8)):
        changed[rng.randrange(1, len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)
