"""aiortc as a WHIP and WHEP peer, in a thread with a loop of its own; and what an attacker does with its keys and its address."""

import asyncio
import collections
import contextlib
import fractions
import hashlib
import hmac
import re
import threading
import urllib.request

from aiortc import AudioStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack, rtcdtlstransport
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CARRIED = ("audio/opus", "video/H264", "video/rtx")


class Camera(VideoStreamTrack):
    """A small grey picture, ten times a second."""

    def __init__(self, width=160, height=96):
        super().__init__()
        self.size = (width, height)
        self.count = 0

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(0.1)
        frame = VideoFrame(*self.size, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([96 + self.count % 64]) * plane.buffer_size)
        self.count += 1
        frame.pts, frame.time_base = self.count * 9_000, fractions.Fraction(1, 90_000)
        return frame


class Sealer:
    """SRTP and SRTCP (AES-CM, HMAC-SHA1-80; RFC 3711) of anything, however malformed."""

    def __init__(self, key: bytes, salt: bytes):
        self._rtp = [self._derive(key, salt, label, size) for label, size in ((0, 16), (1, 20), (2, 14))]
        self._rtcp = [self._derive(key, salt, label, size) for label, size in ((3, 16), (4, 20), (5, 14))]
        # Beyond what the library that made the connection has used.
        self._index = 1 << 16

    @staticmethod
    def _derive(key: bytes, salt: bytes, label: int, size: int) -> bytes:
        start = (int.from_bytes(salt) ^ (label << 48)) << 16
        return _keystream(key, start, bytes(size))

    def rtp(self, packet: bytes, header: int, number: int) -> bytes:
        """`header` bytes stay in clear; `number` is the packet's with the roll-over counter above it."""
        key, auth, salt = self._rtp
        ssrc = int.from_bytes(packet[8:12])
        start = (int.from_bytes(salt) << 16) ^ (ssrc << 64) ^ (number << 16)
        sealed = packet[:header] + _keystream(key, start, packet[header:])
        return sealed + _tag(auth, sealed + (number >> 16).to_bytes(4))

    def rtcp(self, packet: bytes) -> bytes:
        key, auth, salt = self._rtcp
        self._index += 1
        ssrc = int.from_bytes(packet[4:8])
        start = (int.from_bytes(salt) << 16) ^ (ssrc << 64) ^ (self._index << 16)
        sealed = packet[:8] + _keystream(key, start, packet[8:]) + ((1 << 31) | self._index).to_bytes(4)
        return sealed + _tag(auth, sealed)


def _keystream(key: bytes, start: int, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR((start % (1 << 128)).to_bytes(16))).encryptor().update(data)


def _tag(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha1).digest()[:10]


class Loop:
    """A thread in which peers live."""

    def __enter__(self) -> "Loop":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.peers: list[Peer] = []
        return self

    def __exit__(self, *_) -> None:
        for peer in self.peers:
            self.run(peer.connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def run(self, coroutine, seconds=30):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def publish(self, url: str, token: str, bend=lambda sdp: sdp) -> "Peer":
        return self._peer(url, token, True, bend)

    def watch(self, url: str, token: str, port: int | None = None) -> "Peer":
        """`port` is one of this machine through which the media goes in place of the server's own."""
        return self._peer(url, token, False, lambda sdp: sdp, port)

    def _peer(self, url, token, publishes, bend, port=None) -> "Peer":
        peer = Peer(self)
        self.peers.append(peer)
        self.run(peer.open(url, token, publishes, bend, port))
        return peer


class Peer:
    """One peer connection."""

    def __init__(self, loop: Loop):
        self._loop = loop
        self.pictures = 0
        self.size = (0, 0)
        # Is told of each picture and each piece of sound that was decoded: `(kind, frame)`.
        self.played = lambda kind, frame: None
        # The newest datagrams of media as they were sent.
        self.sent: collections.deque[bytes] = collections.deque(maxlen=300)

    async def open(self, url: str, token: str, publishes: bool, bend, port: int | None) -> None:
        self.connection = RTCPeerConnection()
        if publishes:
            self.connection.addTrack(AudioStreamTrack())
            self.connection.addTrack(Camera())
        else:
            self.connection.addTransceiver("audio", direction="recvonly")
            self.connection.addTransceiver("video", direction="recvonly")
            self.connection.on("track", self._play)
        for transceiver in self.connection.getTransceivers():
            codecs = RTCRtpSender.getCapabilities(transceiver.kind).codecs
            transceiver.setCodecPreferences([each for each in codecs if each.mimeType in CARRIED])
        await self.connection.setLocalDescription(await self.connection.createOffer())
        for transceiver in self.connection.getTransceivers():
            transceiver.sender.transport._srtp_profiles = [rtcdtlstransport.SRTP_AES128_CM_SHA1_80]
            self._remember(transceiver.sender.transport.transport)
        request = urllib.request.Request(
            url, bend(self.connection.localDescription.sdp).encode(), method="POST",
            headers={"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"},
        )
        with await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=20)) as response:
            self.session, self.etag = response.headers["Location"], response.headers["ETag"]
            answer = response.read().decode()
        if port:
            answer = re.sub(r"^(a=candidate:\S+ \d udp \d+) \S+ \d+", rf"\1 127.0.0.1 {port}", answer, flags=re.M | re.I)
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def _remember(self, ice) -> None:
        send = ice._connection.send

        async def remember(datagram: bytes) -> None:
            if datagram[0] & 0xC0 == 0x80:
                self.sent.append(datagram)
            await send(datagram)

        ice._send = remember

    def _play(self, track) -> None:
        asyncio.ensure_future(self._take(track))

    async def _take(self, track) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                self.played(track.kind, frame)
                if track.kind == "video":
                    self.pictures += 1
                    self.size = (frame.width, frame.height)

    @property
    def state(self) -> str:
        return self.connection.connectionState

    @property
    def dtls(self):
        return self.connection.getTransceivers()[0].sender.transport

    @property
    def ice(self):
        return self.dtls.transport._connection

    def ssrc(self, kind: str) -> int:
        return next(each.sender._ssrc for each in self.connection.getTransceivers() if each.kind == kind)

    def next_number(self, kind: str) -> int:
        """One that the server has not seen, and not far ahead."""
        ssrc = self.ssrc(kind).to_bytes(4)
        return max(int.from_bytes(each[2:4]) for each in list(self.sent) if each[8:12] == ssrc) + 40

    def sources(self) -> list[int]:
        """Whose media the server sends to this peer."""
        found = re.findall(r"^a=ssrc:(\d+)", self.connection.remoteDescription.sdp, re.MULTILINE)
        return sorted({int(each) for each in found})

    def payload_type(self, kind: str) -> int:
        return next(each._codecs[0].payloadType for each in self.connection.getTransceivers() if each.kind == kind)

    def sealer(self) -> Sealer:
        """With the keys of what this peer sends."""
        exported = self.dtls._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 60)
        place = 1 if self.dtls._role == "server" else 0
        return Sealer(exported[16 * place :][:16], exported[32 + 14 * place :][:14])

    def send(self, datagrams: list[bytes]) -> int:
        """From the address that the server knows by ICE. Gives how many were sent before the server closed the connection."""

        async def send() -> int:
            for count, datagram in enumerate(datagrams):
                try:
                    await self.ice.send(datagram)
                except ConnectionError:
                    return count
                if count % 32 == 31:
                    # The socket's buffer on the other side is no part of the test.
                    await asyncio.sleep(0.005)
            return len(datagrams)

        return self._loop.run(send(), 60)
