"""Encoders that publish over RTMP and RTMPS, each with a code of its own for the wire: FFmpeg 5 and 9, GStreamer's two sinks, of which
`rtmpsink` is librtmp.

Each takes the address that a user gives it: the server of the stage's endpoints, and the stream key behind it. The key is an argument of
a process of the test's own, on the test's own machine.
"""

import os
import shutil
import signal
import subprocess
from urllib.parse import urlsplit

from ffmpeg import FFMPEG as FFMPEG_9
from ffmpeg import Program

# What comes with Debian, whatever else a machine has.
FFMPEG_5 = os.environ.get("FFMPEG", "/usr/bin/ffmpeg")
GSTREAMER = shutil.which("gst-launch-1.0")
RTMPDUMP = shutil.which("rtmpdump")

PICTURE, TONE = "testsrc2=size={size}:rate={rate}", "sine=frequency=440:sample_rate={hertz}"
# Without what `zerolatency` turns off there would be B-frames; it cuts pictures into slices too, which is not what cameras send.
LIVE = ("-preset", "ultrafast", "-tune", "zerolatency", "-x264-params", "sliced-threads=0")


def h264(kbps=600, gop=30, profile="baseline", *more: str) -> list[str]:
    """Arguments of FFmpeg for video as servers want it, at a rate that stays where it is put."""
    rate = f"{kbps}k"
    return ["-c:v", "libx264", "-profile:v", profile, *LIVE, "-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0",
            "-b:v", rate, "-maxrate", rate, "-bufsize", rate, *more]


def aac(kbps=128, channels=2) -> list[str]:
    return ["-c:a", "aac", "-b:a", f"{kbps}k", "-ac", str(channels)]


class Ffmpeg(Program):
    """`ffmpeg -f flv`. `picture` and `sound` are sources of libavfilter, or None for none of the kind; `source` is a file in their place,
    which is sent as it is. With several addresses, as many publishers of the same media. Files are made of it too, of another `kind` and as fast
    as can be if it is not `live`."""

    def __init__(self, url: str | list[str], *, binary=FFMPEG_9, picture: str | None = PICTURE, sound: str | None = TONE, size="640x360",
                 rate=30, hertz=48_000, video=None, audio=None, source=None, seconds=600, certificate=None, output=(), kind="flv",
                 live=True, log=None, stdout=subprocess.DEVNULL):
        urls = [url] if isinstance(url, str) else url
        pace = ["-re"] if live else []
        inputs = [*pace, "-stream_loop", "-1", "-i", str(source)] if source else []
        for each in () if source else (picture, sound):
            if each is not None:
                inputs += [*pace, "-f", "lavfi", "-i", each.format(size=size, rate=rate, hertz=hertz)]
        if source:
            coded = ["-c", "copy"]
        else:
            coded = [*(video or h264()), "-pix_fmt", "yuv420p"] if picture is not None else []
            coded += (audio or aac()) if sound is not None else []
        # Only FFmpeg 9 looks at certificates without being asked.
        tls = ["-tls_verify", "1", "-ca_file", str(certificate)] if urls[0].startswith("rtmps:") else []
        if len(urls) == 1:
            sinks = [*tls, "-f", kind, *output, urls[0]]
        else:
            sinks = ["-map", "0:v", "-map", "0:a" if source else "1:a", "-flags", "+global_header", "-f", "tee",
                     "|".join(f"[f=flv:onfail=ignore]{each}" for each in urls)]
        super().__init__([binary, "-hide_banner", "-loglevel", "info", "-nostdin", *inputs, "-t", str(seconds), *coded, *sinks], log, stdout=stdout)


class Librtmp(Program):
    """librtmp, with what FFmpeg gives it to send, and the times that it gives: the arguments are those of `Ffmpeg`."""

    def __init__(self, url: str, *, certificate=None, log=None, **arguments):
        # It wants whole tags, so each is written, and read, at once.
        output = ["-flush_packets", "1", *arguments.pop("output", [])]
        self.source = Ffmpeg("pipe:1", stdout=subprocess.PIPE, output=output, **arguments)
        super().__init__([GSTREAMER, "fdsrc", "blocksize=1048576", "!", "video/x-flv", "!", "rtmpsink", f"location={url}"], log, stdin=self.source.process.stdout)

    def end(self) -> None:
        self.source.end()
        super().end()


class Gstreamer(Program):
    """`gst-launch-1.0` with one of its sinks."""

    def __init__(self, url: str, *, sink="rtmp2sink", size="640x360", rate=30, kbps=600, log=None):
        width, height = size.split("x")
        where = [f"location={url}"]
        if sink == "rtmp2sink" and urlsplit(url).scheme == "rtmps":
            where.append("tls-validation-flags=0")
        picture = f"video/x-raw,width={width},height={height},framerate={rate}/1"
        command = [
            GSTREAMER, "-e", "flvmux", "name=mux", "streamable=true", "!", sink, *where,
            "videotestsrc", "is-live=true", "!", picture, "!",
            "x264enc", "tune=zerolatency", "sliced-threads=false", "speed-preset=ultrafast", f"bitrate={kbps}", f"key-int-max={rate}",
            "!", "video/x-h264,profile=baseline", "!", "queue", "!", "mux.",
            "audiotestsrc", "is-live=true", "freq=440", "!", "audio/x-raw,rate=48000,channels=2", "!",
            "voaacenc", "bitrate=128000", "!", "aacparse", "!", "queue", "!", "mux.",
        ]
        super().__init__(command, log)

    def end(self) -> None:
        """As Ctrl-C does, with `-e`: the end of the stream goes through the pipeline before it is closed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        super().end()
