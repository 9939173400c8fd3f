"""Lip-sync: a source that flashes and beeps at once, and how far apart the two come out.

Twice measured. In Chromium, by what the eye and the ear of a viewer get: the instant at which a bright picture is to be shown, and the
instant at which the beep passes a worklet (playing.js). In aiortc, by what the server says on the wire: the times of the packets, put on one clock by
the sender reports. The first holds Chromium's own buffers; the second is the server's own work.
"""

import array
import struct

from webrtc import Peer

SENDER_REPORT = 200
PERIOD_S, BEEP_S = 1.0, 0.1
# A white picture and a tone for the first tenth of each second.
PICTURE = (
    "color=black:size={size}:rate={rate},drawbox=color=white:thickness=fill:enable='lt(mod(t\\,%g)\\,%g)'" % (PERIOD_S, BEEP_S - 0.001)
)
_TONE = "0.8*sin(2*PI*1000*t)*lt(mod(t\\,%g)\\,%g)" % (PERIOD_S, BEEP_S)
MONO = f"aevalsrc='{_TONE}':sample_rate={{hertz}}"
STEREO = f"aevalsrc='{_TONE}|{_TONE}':sample_rate={{hertz}}"

def pairs(flashes: list[float], beeps: list[float]) -> list[float]:
    """For each flash how much later its beep is, in seconds; flashes without one nearer than half a period are left out."""
    near = [min((beep - flash for beep in beeps), key=abs, default=PERIOD_S) for flash in flashes]
    return [offset for offset in near if abs(offset) < PERIOD_S / 2]


def median(offsets: list[float]) -> float:
    return sorted(offsets)[len(offsets) // 2]


class Clock:
    """What a peer of aiortc is sent, on the server's clock: when its pictures turn bright, and when its sound begins after a pause."""

    RATES = {"video": 90_000, "audio": 48_000}
    QUIET, LOUD, BRIGHT = 0.3, 0.1, 128

    def __init__(self, peer: Peer):
        # By kind: the newest sender report, as seconds and the time in packets; and onsets in the time of packets.
        self.reports: dict[str, tuple[float, int]] = {}
        self.onsets: dict[str, list[int]] = {"video": [], "audio": []}
        self.is_bright, self.loud_at = True, None
        self.kinds = {each.kind: each.receiver for each in peer.connection.getTransceivers()}
        self.router = peer.dtls._rtp_router
        read = peer.dtls._handle_rtcp_data

        async def tapped(data: bytes) -> None:
            self._report(data)
            await read(data)

        peer.dtls._handle_rtcp_data = tapped
        peer.played = self._played

    def _report(self, data: bytes) -> None:
        """Takes the sender reports out of a compound packet by hand: aiortc gives up on it where a CNAME has an even number of letters."""
        at = 0
        while at + 4 <= len(data):
            kind, words = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
            if kind == SENDER_REPORT:
                ssrc, seconds, fraction, time = struct.unpack_from("!IIII", data, at + 4)
                receiver = self.router.ssrc_table.get(ssrc)
                for kind in (kind for kind, each in self.kinds.items() if each is receiver):
                    self.reports[kind] = (seconds + fraction / (1 << 32), time)
            at += 4 * (words + 1)

    def _played(self, kind: str, frame) -> None:
        if kind == "video":
            luma = bytes(frame.planes[0])[:: 101]
            is_bright = sum(luma) > self.BRIGHT * len(luma)
            if is_bright and not self.is_bright:
                self.onsets["video"].append(frame.pts)
            self.is_bright = is_bright
            return
        samples = array.array("h", bytes(frame.planes[0]))
        channels = len(frame.layout.channels)
        for index in range(0, frame.samples):
            if abs(samples[index * channels]) > self.LOUD * 32_768:
                at = frame.pts + index
                if self.loud_at is not None and at - self.loud_at > self.QUIET * frame.sample_rate:
                    self.onsets["audio"].append(at)
                self.loud_at = at

    def seconds(self, kind: str) -> list[float]:
        """The onsets of a kind by the newest report; nothing before there is one."""
        if kind not in self.reports:
            return []
        wall, reported = self.reports[kind]
        origin = self.kinds[kind]._RTCRtpReceiver__timestamp_mapper._origin or 0
        # Differences are taken as the 32 bits that they are.
        return [wall + ((at + origin - reported + (1 << 31)) % (1 << 32) - (1 << 31)) / self.RATES[kind] for at in self.onsets[kind]]

    def offsets(self) -> list[float]:
        return pairs(self.seconds("video"), self.seconds("audio"))
