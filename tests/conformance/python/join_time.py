"""How long a join takes in Chromium on loopback, from the call to the first decoded picture of a publisher that is live, in parts.

    DOWNSTAGE_BIN=… python3 join_time.py [--joins 20]
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from browser import Browser
from downstage import Server, Stage
from guests import SMALL, Guest, blank

# Each ends when the next begins, but for the last, which is the whole.
PARTS = {
    "opened": "socket: TCP, upgrade and token",
    "answered": "answer: `join` with the offer, to `joined`",
    "ice": "ICE: description taken, candidates paired",
    "dtls": "DTLS",
    "picture": "first key frame, decoded",
}
WHOLE = "join to the first decoded picture"

# Notes when each part ends. The picture counts when it is decoded, not when it is shown.
SCRIPT = """
window.timed = (token) => new Promise(async (resolve, reject) => {
  const { Stage, SubscribeType, StageEvents } = await loaded();
  const begin = performance.now();
  const marks = {};
  const mark = (name) => { marks[name] ??= performance.now() - begin; };
  const { WebSocket, RTCPeerConnection } = window;
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener('open', () => mark('opened'));
      this.addEventListener('message', ({ data }) => data.includes('"joined"') && mark('answered'));
    }
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given);
      this.addEventListener('iceconnectionstatechange', () => this.iceConnectionState === 'connected' && mark('ice'));
      this.addEventListener('connectionstatechange', () => this.connectionState === 'connected' && mark('dtls'));
    }
  };
  const stage = new Stage(token, {
    stageStreamsToPublish: () => [],
    shouldPublishParticipant: () => false,
    shouldSubscribeToParticipant: () => SubscribeType.AUDIO_VIDEO,
  });
  stage.on(StageEvents.ERROR, reject);
  stage.on(StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, async ({ isLocal }, streams) => {
    const [video] = streams.filter(({ streamType }) => streamType === 'video');
    if (isLocal || !video) return;
    const frames = new MediaStreamTrackProcessor({ track: video.mediaStreamTrack }).readable.getReader();
    const { value } = await frames.read();
    // The last events of the connection may be told after the picture.
    for (const name of ['dtls', 'picture']) mark(name);
    value.close();
    await frames.cancel();
    stage.leave();
    Object.assign(window, { WebSocket, RTCPeerConnection });
    resolve(marks);
  });
  await stage.join().catch(reject);
});
"""


def measure(browser, server, stage, joins: int) -> list[dict[str, float]]:
    """The marks of each join, in milliseconds since the call, each by a token of its own. One more, the first, warms up."""
    camera, page = blank(browser, server), blank(browser, server)
    publisher = Guest(camera, "camera", stage.token("PUBLISH", userId="camera")["token"], publish=SMALL)
    publisher.wait_told("stageParticipantPublishStateChanged", "camera", "published")
    page.evaluate(f"() => {{ {SCRIPT} }}")
    marks = [page.evaluate("(token) => timed(token)", stage.token("SUBSCRIBE")["token"]) for _ in range(joins + 1)]
    publisher.leave()
    for each in (camera, page):
        each.context.close()
    return marks[1:]


def table(marks: list[dict[str, float]]) -> str:
    """Median and 95th percentile of each part, in the rows of a table."""

    def row(name: str, times: list[float]) -> str:
        times = sorted(times)
        return f"| {name} | {statistics.median(times):.0f} | {times[min(len(times) - 1, int(len(times) * 0.95))]:.0f} |"

    names = list(PARTS)
    rows = [row(PARTS[name], [each[name] - (each[before] if before else 0.0) for each in marks]) for before, name in zip([None, *names], names)]
    return "\n".join(["| part | median, ms | p95, ms |", "|---|---|---|", *rows, row(WHOLE, [each["picture"] for each in marks])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--joins", type=int, default=20)
    joins = parser.parse_args().joins
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        server = Server(Path(folder), ).start()
        try:
            print(table(measure(browser, server, Stage(server.client()), joins)))
        finally:
            server.kill()


if __name__ == "__main__":
    main()
