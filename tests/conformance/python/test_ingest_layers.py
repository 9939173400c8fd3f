"""Several pictures in one RTMP stream, as FFmpeg 9 sends them by Enhanced RTMP: viewers take them for layers."""

import pytest

from downstage import until
from ingest import Ingest
from guests import Guest, blank
from rtmp import FFMPEG_9, LIVE, PICTURE, TONE, Program, aac
from watching import sound, watch

SIZES = [(640, 360, 700), (320, 180, 250), (160, 90, 100)]
LABELS = {1: [None], 2: ["low", "hi"], 3: ["low", "mid", "hi"]}


class Layers(Program):
    """FFmpeg with one source in several sizes, the first of which is the one that older servers see. `codecs` is an encoder for each."""

    def __init__(self, url: str, sizes=SIZES, codecs=None, rate=30, log=None):
        count = len(sizes)
        names = "".join(f"[s{index}]" for index in range(count))
        scaled = ";".join(f"[s{index}]scale={width}:{height}[v{index}]" for index, (width, height, _) in enumerate(sizes))
        command = [
            FFMPEG_9, "-hide_banner", "-loglevel", "info", "-nostdin",
            "-re", "-f", "lavfi", "-i", PICTURE.format(size=f"{sizes[0][0]}x{sizes[0][1]}", rate=rate),
            "-re", "-f", "lavfi", "-i", TONE.format(hertz=48_000), "-t", "600", "-filter_complex", f"[0:v]split={count}{names};{scaled}",
        ]
        for index in range(count):
            command += ["-map", f"[v{index}]"]
        command += ["-map", "1:a", "-pix_fmt", "yuv420p", *LIVE, "-g", str(rate), "-sc_threshold", "0", *aac()]
        for index, (_, _, kbps) in enumerate(sizes):
            codec = (codecs or ["libx264"] * count)[index]
            command += [f"-c:v:{index}", codec, f"-b:v:{index}", f"{kbps}k", f"-maxrate:v:{index}", f"{kbps}k", f"-bufsize:v:{index}", f"{kbps}k"]
        super().__init__([*command, "-f", "flv", url], log)


@pytest.mark.parametrize("sizes", [SIZES, SIZES[::-1], SIZES[:2]], ids=["three", "three, smallest first", "two"])
def test_tracks_are_layers_for_whep_and_for_the_client_library(server, stage, browser, sizes, tmp_path):
    ingest = Ingest(stage, userId="camera")
    order = sorted((width, height) for width, height, _ in sizes)
    with Layers(ingest.url(), sizes, log=tmp_path / "ffmpeg.log"):
        ingest.wait_begun()
        page, guests = browser.page(server.http), blank(browser, server)
        watch(page, server, stage.token("SUBSCRIBE")["token"], ingest.participant, sampled=True)
        assert page.evaluate("() => listen('viewer', ['layers'])") == 200

        def active():
            told = page.evaluate("() => peers.viewer.told.filter(({ event }) => event === 'layers').at(-1)?.data")
            media = next(iter(told.values())) if told else {"active": []}
            return media["active"] if len(media["active"]) == len(sizes) else None

        layers = until("every layer is told", active)
        assert [each["id"] for each in layers] == LABELS[len(sizes)]
        assert [(each["width"], each["height"]) for each in layers] == order
        for layer, (width, _) in zip(LABELS[len(sizes)], order):
            assert page.evaluate("(layer) => choose('viewer', { encodingId: layer })", layer) in (200, 201, 204)
            until(f"the width of {layer}", lambda: page.evaluate("() => received('viewer')").get("video", {}).get("frameWidth") == width)
        sound(page)
        guest = Guest(guests, "guest", stage.token("SUBSCRIBE", userId="guest")["token"])
        listed = "(guest) => guest.stream('camera', 'video')?.getLayers().map(({ label, width }) => [label, width])"
        until("the library lists them", lambda: guest.call(listed) == [list(pair) for pair in zip(LABELS[len(sizes)], (w for w, _ in order))])
        guest.change(prefer="low")
        guest.sees("camera", width=order[0][0])
        page.context.close()
        guests.context.close()


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        ("INVALID_INPUT|INVALID_VIDEO_CODEC", {"sizes": [*SIZES, (128, 72, 80)]}),
        ("INVALID_VIDEO_CODEC", {"sizes": SIZES[:2], "codecs": ["libx264", "libx265"]}),
        ("RESOLUTION_EXCEEDED", {"sizes": [(320, 180, 200), (1280, 800, 800)], "rate": 10}),
    ],
    ids=["four", "one of HEVC", "one too large"],
)
def test_tracks_that_may_not_be_sent_are_refused(stage, error, arguments):
    ingest = Ingest(stage)
    with Layers(ingest.url(), **arguments) as ffmpeg:
        assert ffmpeg.wait(40) != 0
    names = stage.names(ingest.participant)
    assert any(f"PUBLISH_ERROR({code})" in names for code in error.split("|")), names
    assert names[-1] == "LEFT"


def test_the_bound_of_the_bit_rate_is_that_of_all_tracks_together(stage):
    ingest = Ingest(stage)
    with Layers(ingest.url(), [(1280, 720, 5_000), (960, 540, 5_000)]) as ffmpeg:
        until("it is cut off", lambda: ffmpeg.process.poll() is not None, 40)
    assert "PUBLISH_ERROR(BITRATE_EXCEEDED)" in stage.names(ingest.participant)
