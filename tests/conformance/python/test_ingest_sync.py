"""Sound and picture together: a flash and a beep at once go in by RTMP, and come out together; and what joins late sees at once."""

import time
from contextlib import ExitStack

import pytest

import flash
import rtmp
from downstage import Stage, until
from ingest import Ingest
from rtmp import FFMPEG_5, Ffmpeg
from spare import Spare
from watching import watch
from webrtc import Loop

# What is the server's own: its clock on the wire. Opus looks ahead by 6.5 ms, a sound frame is 21 to 23 ms, RTMP counts in whole ms.
WIRE_BOUND_S = 0.025
# What a viewer gets: Chromium's buffers of sound and of picture, which it moves toward each other by 80 ms a second at most, and the way to the
# worklet, which alone is 60 to 80 ms (by a page that publishes a flash and a beep to another). People notice sound that is 45 ms early or 125 ms
# late (ITU-R BT.1359).
SHOWN_BOUND_S = 0.170
SOURCES = {
    "stereo of 48 kHz": {"sound": flash.STEREO},
    "mono of 44.1 kHz": {"sound": flash.MONO, "hertz": 44_100, "audio": rtmp.aac(96, 1), "binary": FFMPEG_5},
    "60 pictures a second, High": {"sound": flash.STEREO, "rate": 60, "video": rtmp.h264(600, 60, "high")},
    # Times beyond 0xffffff ms are extended on the wire, and those of chunks that go on repeat it, or not (T52).
    "t52 after five and a half hours": {"sound": flash.STEREO, "output": ["-output_ts_offset", "20000"]},
    "t52 by FFmpeg 5": {"sound": flash.STEREO, "output": ["-output_ts_offset", "20000"], "binary": FFMPEG_5},
    "t52 by librtmp": {"sound": flash.STEREO, "output": ["-output_ts_offset", "20000"], "program": rtmp.Librtmp},
    # FFmpeg has 31 bits for times: four seconds after the beginning, both tracks go back to 0.
    "t52 backwards": {"sound": flash.STEREO, "output": ["-output_ts_offset", "2147479"]},
}


@pytest.fixture(scope="module")
def flashing(server):
    """All sources at once, for what takes time is to wait for flashes. By name: the clock on the wire."""
    client = server.client()
    sources = {name: each for name, each in SOURCES.items() if each.get("program") is not rtmp.Librtmp or rtmp.GSTREAMER}
    with ExitStack() as stack:
        loop = stack.enter_context(Loop())
        found = {}
        for name, changes in sources.items():
            stage = Stage(client)
            ingest = Ingest(stage)
            arguments = {"size": "320x180", "rate": 30, "video": rtmp.h264(300), "program": Ffmpeg, **changes}
            stack.enter_context(arguments.pop("program")(ingest.url(), picture=flash.PICTURE, **arguments))
            found[name] = ingest
        for name, ingest in found.items():
            ingest.wait_begun()
            url = f"{server.http}/whip/subscribe/{ingest.participant}"
            found[name] = flash.Clock(loop.watch(url, ingest.stage.token("SUBSCRIBE")["token"]))
        yield found


@pytest.mark.parametrize("name", SOURCES)
def test_a_flash_and_a_beep_leave_the_server_together(flashing, name):
    if name not in flashing:
        pytest.skip("GStreamer is not installed")
    clock = flashing[name]

    def in_step():
        # Where the machine is too busy the two reports of a second may be of different moments, until the next.
        wire = clock.offsets()
        return wire if len(wire) >= 6 and all(abs(each) < WIRE_BOUND_S for each in wire[-6:]) else None

    try:
        wire = until("flashes in step with their beeps", in_step, 100)
    except AssertionError:
        raise AssertionError(f"beeps come {text(clock.offsets())} after their flashes") from None
    print(f"\n{name}: the beep is {text(wire)} after the flash, by the server's clock", end="")


def test_a_flash_and_a_beep_are_seen_and_heard_together(server, stage, browser):
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), picture=flash.PICTURE, sound=flash.STEREO, size="320x180", video=rtmp.h264(300)):
        ingest.wait_begun()
        page = browser.page(server.http)
        watch(page, server, stage.token("SUBSCRIBE")["token"], ingest.participant)
        page.evaluate("() => watchFlashes('viewer')")

        def shown():
            seen = page.evaluate("() => flashing")
            return flash.pairs([each / 1_000 for each in seen["flashes"]], [each / 1_000 for each in seen["beeps"]])

        def settled():
            seen = shown()
            return seen if len(seen) >= 8 and abs(flash.median(seen[-4:])) < SHOWN_BOUND_S else None

        try:
            seen = until("flashes that are shown in step with their beeps", settled, 100)
        except AssertionError:
            raise AssertionError(f"beeps are heard {[round(each * 1e3) for each in shown()]} ms after their flashes") from None
        print(f"\nin Chromium the beep is {text(seen[-4:])} after the flash; from the first on {[round(each * 1e3) for each in seen]}", end="")
        page.context.close()


def text(offsets: list[float]) -> str:
    return f"{flash.median(offsets) * 1e3:+.1f} ms ({min(offsets) * 1e3:+.1f} to {max(offsets) * 1e3:+.1f})"


def test_who_joins_in_the_middle_of_a_long_group_of_pictures_sees_at_once(server, stage, browser):
    gop_s = 10
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), video=rtmp.h264(800, 30 * gop_s)):
        ingest.wait_begun()
        begin = time.monotonic()
        page = browser.page(server.http)
        token = stage.token("SUBSCRIBE")["token"]
        # The first key frame came just before the publish began; half way to the next is what hurts most.
        until("the middle", lambda: time.monotonic() - begin > gop_s * 0.5)
        asked, spare = time.monotonic(), Spare()
        watch(page, server, token, ingest.participant)
        page.evaluate("() => watchGaps('viewer')")
        until("the first picture", lambda: page.evaluate("() => received('viewer')").get("video", {}).get("framesDecoded", 0) > 0)
        first = time.monotonic() - asked
        # Over the next key frame and beyond.
        until("the next key frame has passed", lambda: time.monotonic() - begin > gop_s * 1.3)
        until("it is decoded", lambda: page.evaluate("() => received('viewer')")["video"]["keyFramesDecoded"] >= 2)
        video = page.evaluate("() => received('viewer')")["video"]
        gaps = page.evaluate("() => gaps")
        print(f"\nfirst picture after {first * 1e3:.0f} ms; longest gap {gaps['longest']:.0f} ms, {video['freezeCount']} freezes, "
              f"{video['framesDecoded']} decoded, {video['framesDropped']} dropped, {video['keyFramesDecoded']} key frames", end="")
        assert spare.keeps("the first picture", first, 2.5)
        assert spare.keeps("the longest gap", gaps["longest"], 700)
        assert video["pliCount"] <= 1, "nothing is broken that needs a key frame"
        page.context.close()
