"""A publisher and a viewer that have nothing to do with an attack, and must not notice it."""

import statistics
import time

from downstage import Stage, until
from ffmpeg import Publisher


class Control:
    """A publisher and a viewer that have nothing to do with it. `publish` is given the stage, and gives a program that publishes and the
    participant that it is."""

    def __init__(self, server, browser, publish=None):
        self.server = server
        self.stage = Stage(server.client())
        self.program, self.publisher = (publish or self._by_whip)(self.stage)
        self.stage.wait_for(self.publisher, "JOINED", "PUBLISH_STARTED")
        self.page = browser.page(server.http)
        self.url = f"{server.http}/whip/subscribe/{self.publisher}"
        token = self.stage.token("SUBSCRIBE")["token"]
        watch = "([url, token]) => subscribe('control', url, token, { sampled: true })"
        result = self.page.evaluate(watch, [self.url, token])
        assert result["status"] == 201, result
        until("the control plays", lambda: (self.newest() or {}).get("framesDecoded", 0) > 40)

    def _by_whip(self, stage):
        token = stage.token("PUBLISH")
        arguments = {"size": "320x180", "rate": 20, "video_kbps": 200, "role": "active", "seconds": 3_600}
        return Publisher(f"{self.server.http}/whip", token["token"], **arguments), token["participantId"]

    def newest(self) -> dict | None:
        return self.page.evaluate("() => peers.control.samples.at(-1)")

    def end(self) -> None:
        self.page.context.close()
        self.program.end()

    def watched(self, what: str, attack) -> None:
        """Does something while the control is watched; it must have gone on as before, and the API too."""
        before = self.page.evaluate("() => peers.control.samples.length")
        attack()
        times = []
        for _ in range(40):
            begin = time.monotonic()
            self.stage.client.get_stage(arn=self.stage.arn)
            times.append(time.monotonic() - begin)
        until("two samples more", lambda: self.page.evaluate("() => peers.control.samples.length") >= before + 3)
        samples = self.page.evaluate("(from) => peers.control.samples.slice(from - 1)", before)
        received = self.page.evaluate("() => received('control')")
        frames = [later["framesDecoded"] - one["framesDecoded"] for one, later in zip(samples, samples[1:]) if later["at"] - one["at"] > 0.9]
        freezes = samples[-1]["freezeCount"] - samples[0]["freezeCount"]
        print(
            f"\n{what}: pictures each second {frames}, {freezes} freezes, {received['video']['packetsLost']} packets lost, "
            f"API p50 {statistics.median(times) * 1e3:.0f} ms, worst {max(times) * 1e3:.0f} ms", end="",
        )
        assert self.server.process.poll() is None, "the server lives"
        assert min(frames) > 0, "no second without a picture"
        assert received["video"]["packetsLost"] == 0 and received["audio"]["packetsLost"] == 0
        assert statistics.median(times) < 0.5
        assert self.stage.names(self.publisher) == ["JOINED", "PUBLISH_STARTED"]
