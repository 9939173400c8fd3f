"""aiortc as a publisher and as a viewer: another stack than the browser's, with `sendrecv` sections."""

from downstage import until
from webrtc import Loop


def test_aiortc_publishes_and_aiortc_and_chromium_watch(server, stage, browser):
    publisher, viewer, other = stage.token("PUBLISH"), stage.token("SUBSCRIBE"), stage.token("SUBSCRIBE")
    pid = publisher["participantId"]
    url = f"{server.http}/whip/subscribe/{pid}"
    with Loop() as loop:
        camera = loop.publish(f"{server.http}/whip", publisher["token"])
        stage.wait_for(pid, "JOINED", "PUBLISH_STARTED")
        peer = loop.watch(url, viewer["token"])
        until("pictures in aiortc", lambda: peer.pictures >= 20)
        assert peer.size == (160, 96)
        page = browser.page(server.http)
        result = page.evaluate("([url, token]) => subscribe('viewer', url, token)", [url, other["token"]])
        assert result["status"] == 201, result
        until("pictures in Chromium", lambda: page.evaluate("() => received('viewer')").get("video", {}).get("framesDecoded", 0) >= 20)
        assert camera.state == peer.state == "connected"
        page.context.close()
    stage.wait_for(pid, "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
