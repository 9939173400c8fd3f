"""FFmpeg 9 as a publisher: the static build inside the `imageio-ffmpeg` wheel."""

import subprocess

import imageio_ffmpeg

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


class Program:
    """A program that publishes until it is ended. What it prints goes to `log`, if one is given."""

    def __init__(self, command: list[str], log=None, environment: dict[str, str] | None = None, stdin=subprocess.DEVNULL,
                 stdout=subprocess.DEVNULL):
        self.log = log
        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, env=environment,
            stderr=log.open("wb") if log else subprocess.DEVNULL,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def wait(self, seconds=60) -> int:
        return self.process.wait(seconds)

    def end(self) -> None:
        """Ends it as Ctrl-C does: it takes its leave of the server."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(30)

    def kill(self) -> None:
        """Ends it without a word to anybody."""
        self.process.kill()
        self.process.wait(30)


class Publisher(Program):
    """`ffmpeg -f whip` with a test picture and a tone; with several tokens, as many publishers of the same media."""

    def __init__(self, whip_url: str, token: str | list[str], *, size="640x360", rate=30, video_kbps=800, seconds=600, role="passive",
                 video=(), log=None):
        if isinstance(token, str):
            flags = ["-whip_flags", "dtls_active"] if role == "active" else []
            outputs = [*flags, "-f", "whip", "-authorization", token, whip_url]
        else:
            flags = "whip_flags=dtls_active:" if role == "active" else ""
            each = (f"[f=whip:{flags}authorization={one}]{whip_url}" for one in token)
            outputs = ["-map", "0:v", "-map", "1:a", "-flags", "+global_header", "-f", "tee", "|".join(each)]
        # The token is an argument of a process of the test's own, on the test's own machine.
        command = [
            FFMPEG, "-hide_banner", "-loglevel", "info", "-nostdin", "-re",
            "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}",
            "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
            "-t", str(seconds), "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-tune", "zerolatency",
            "-g", str(rate), "-b:v", f"{video_kbps}k", "-maxrate", f"{video_kbps}k", "-bufsize", f"{video_kbps}k",
            *video, "-c:a", "libopus", "-ar", "48000", "-ac", "2", "-b:a", "64k",
            *outputs,
        ]
        super().__init__(command, log)
