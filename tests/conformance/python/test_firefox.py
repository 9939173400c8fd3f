"""Firefox where its codecs allow: it publishes VP8 in layers, plays VP8 and (with the system's FFmpeg) H.264, and keeps its connections."""

from contextlib import contextmanager

import pytest

import firefox
import network
from downstage import Server, Stage, until
from firefox import Firefox
from test_simulcast import CAMERA, SERVE_KEYS, WIDTHS, samples, sent, wait_for_layers, wait_for_width, wait_until_told
from test_stage_v1 import bound, frames, received

pytestmark = pytest.mark.skipif(bool(firefox.refusal()), reason=firefox.refusal() or "-")


class Place:
    """A server, a Firefox for which it is another host, and how each browser reaches it."""

    def __init__(self, server: Server, behind: network.Namespace, fox: Firefox):
        self.server = server
        self.fox = fox
        port = server.http.rsplit(":", 1)[1]
        self.local = f"http://127.0.0.1:{port}"
        self.near = f"http://{behind.near}:{port}"
        access_key, secret_key, _ = SERVE_KEYS.split(":")
        self.client = server.client(access_key, secret_key)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with network.Namespace() as behind:
        server = Server(
            tmp_path_factory.mktemp("server"), "--media-workers", "1", "--external-ip", behind.near, "--session-grace", "2s",
            "--rates", "false", mode="serve", address="0.0.0.0", environment={"DOWNSTAGE_ACCESS_KEYS": SERVE_KEYS},
        ).start()
        try:
            with Firefox(behind, tmp_path_factory.mktemp("firefox"), firefox.H264) as fox:
                yield Place(server, behind, fox)
            assert server.process.poll() is None, f"the server ended: {server.log.read_text()[-4000:]}"
            assert server.stop() == 0
            log = server.log.read_text()
            assert "ERROR" not in log and "panicked" not in log, log[-4000:]
        finally:
            if server.process.poll() is None:
                server.kill()


@pytest.fixture
def stage(place):
    stage = Stage(place.client)
    yield stage
    place.client.delete_stage(arn=stage.arn)


@contextmanager
def pages(place, browser):
    """A page of Firefox and one of Chromium."""
    fox, page = place.fox.page(place.near), browser.page(place.local)
    try:
        yield fox, page
    finally:
        fox.close()
        page.context.close()


def publish(page, origin, token, name="camera", **options):
    result = page.evaluate(
        "([name, url, token, options]) => publish(name, url, token, options)", [name, f"{origin}/whip", token, options]
    )
    assert result["status"] == 201, result


def watch(page, origin, token, publisher, name="viewer", **options):
    result = page.evaluate(
        "([name, url, token, options]) => subscribe(name, url, token, options)",
        [name, f"{origin}/whip/subscribe/{publisher}", token, options],
    )
    assert result["status"] == 201, result


def join(page, origin, stage, token, audio, video):
    url = f"{origin.replace('http', 'ws', 1)}/events/{stage.arn.rsplit('/', 1)[1]}"
    return page.evaluate(
        "([url, token, options]) => feed('feed', url, token, options)", [url, token, {"audio": audio, "video": video}]
    )


def codec(page, name="viewer") -> str:
    """The type of the video that is received."""
    return page.evaluate("""async (name) => {
        const report = await peers[name].connection.getStats();
        const video = [...report.values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
        return report.get(video?.codecId)?.mimeType ?? '';
    }""", name)


def pictures(page, count, name="viewer") -> dict:
    def look():
        found = page.evaluate("(name) => received(name)", name)
        video, audio = (found.get(kind, {}) for kind in ("video", "audio"))
        return video if video.get("framesDecoded", 0) >= count and audio.get("totalAudioEnergy", 0) > 0 else None

    return until(f"{count} decoded pictures and sound", look)


def choose_each(page) -> dict[str, float]:
    """Chooses the layers one after the other; gives the seconds until each was seen."""
    took = {}
    for layer in ("q", "h", "f"):
        assert page.evaluate("(layer) => choose('viewer', { encodingId: layer })", layer) in (200, 201, 204)
        took[layer] = round(wait_for_width(page, WIDTHS[layer]), 2)
        wait_until_told(page, layer, "selected")
    return took


def test_three_layers_of_firefox_reach_chromium_and_one_that_stops_is_left(place, stage, browser):
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    pid = publisher["participantId"]
    with pages(place, browser) as (camera, page):
        publish(camera, place.near, publisher["token"], codec="video/VP8", beside="video/H264", **CAMERA)
        stage.wait_for(pid, "JOINED", "PUBLISH_STARTED")
        wait_for_layers(camera)
        watch(page, place.local, viewer["token"], pid, sampled=True)
        assert page.evaluate("() => listen('viewer', ['layers'])") == 200
        wait_for_width(page, WIDTHS["f"])
        assert codec(page) == "video/VP8"
        took = choose_each(page)
        camera.evaluate("() => activate('camera', 'f', false)")
        down = wait_for_width(page, WIDTHS["h"])
        wait_until_told(page, "h", "unavailable")
        camera.evaluate("() => activate('camera', 'f', true)")
        up = wait_for_width(page, WIDTHS["f"])
        last = samples(page)[-1]
        print(f"\nby choice (s): {took}; left after {down:.2f} s, taken again after {up:.2f} s; freezes {last['freezeCount']}; sent {sent(camera)}")
        assert stage.participant(pid)["browserName"] == "Firefox"
        assert camera.evaluate("() => remove('camera')") == 200
        stage.wait_for(pid, "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
        stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT")


@pytest.mark.parametrize("mime", ["video/H264", "video/VP8"])
def test_firefox_plays_the_layers_of_chromium_that_it_chooses(place, stage, browser, mime):
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    pid = publisher["participantId"]
    with pages(place, browser) as (page, camera):
        beside = {"beside": "video/H264"} if mime != "video/H264" else {}
        publish(camera, place.local, publisher["token"], codec=mime, **beside, **CAMERA)
        stage.wait_for(pid, "JOINED", "PUBLISH_STARTED")
        wait_for_layers(camera)
        watch(page, place.near, viewer["token"], pid, sampled=True)
        assert page.evaluate("() => listen('viewer', ['layers'])") == 200
        wait_for_width(page, WIDTHS["f"])
        assert codec(page) == mime
        took = choose_each(page)
        last = samples(page)[-1]
        assert pictures(page, 30)["packetsLost"] == 0
        print(f"\n{mime} by choice (s): {took}; freezes {last['freezeCount']} ({last['totalFreezesDuration']:.2f} s)")
        assert page.evaluate("() => remove('viewer')") == 200
        stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT")


def test_firefox_restarts_ice_and_its_media_goes_on(place, stage, browser):
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    pid = publisher["participantId"]
    with pages(place, browser) as (camera, page):
        publish(camera, place.near, publisher["token"], codec="video/VP8", beside="video/H264", width=320, height=180, kbps=150)
        stage.wait_for(pid, "JOINED", "PUBLISH_STARTED")
        watch(page, place.local, viewer["token"], pid)
        before = pictures(page, 20)
        restarted = camera.evaluate("() => restart('camera')")
        assert restarted["status"] == 200, restarted
        assert restarted["etag"] != restarted["before"]
        pictures(page, before["framesDecoded"] + 60)
        assert stage.names(pid) == ["JOINED", "PUBLISH_STARTED"]


def test_firefox_publishes_and_plays_over_tcp(place, stage, browser):
    publisher, viewers = stage.token("PUBLISH"), [stage.token("SUBSCRIBE") for _ in range(2)]
    pid = publisher["participantId"]
    with pages(place, browser) as (fox, page):
        publish(
            fox, place.near, publisher["token"], codec="video/VP8", beside="video/H264", tcp=True, width=320, height=180, kbps=150
        )
        # Nobody waits for the first picture: which codec it comes in is not known yet.
        watch(page, place.local, viewers[0]["token"], pid)
        watch(fox, place.near, viewers[1]["token"], pid, tcp=True)
        pictures(page, 60)
        pictures(fox, 60)
        for name in ("camera", "viewer"):
            assert fox.evaluate("""async (name) => [...(await peers[name].connection.getStats()).values()]
                .filter(({ type }) => type === 'remote-candidate').map(({ protocol }) => protocol)""", name) == ["tcp"]


def test_publishers_of_both_codecs_come_to_firefox_over_one_connection(place, stage, browser):
    tokens = [stage.token(userId=name) for name in ("ana", "ben", "cy")]
    ids = [token["participantId"] for token in tokens]
    viewer = stage.token("SUBSCRIBE")
    with pages(place, browser) as (page, camera):
        small = {"width": 320, "height": 180, "kbps": 150, "frameRate": 15}
        publish(camera, place.local, tokens[0]["token"], "ana", **small)
        publish(camera, place.local, tokens[1]["token"], "ben", codec="video/VP8", beside="video/H264", **small)
        joined = join(page, place.near, stage, viewer["token"], 2, 2)
        assert joined["resumed"] == "no" and len(joined["slots"]) == 4
        watched(page, ids[:2], 20)
        publish(camera, place.local, tokens[2]["token"], "cy", codec="video/VP8", beside="video/H264", **small)
        before = watched(page, ids, 20)
        assert frames(page, "need"), "two slots of each kind are too few for three publishers"
        join(camera, place.local, stage, tokens[0]["token"], 0, 0)
        camera.evaluate("() => feeds.feed.say({ type: 'mute', audio: true, video: false })")
        update = {"id": ids[0], "userId": "ana", "attributes": {}, "audioMuted": True, "videoStopped": False}
        until("the delta", lambda: update in [each for frame in frames(page, "delta") for each in frame.get("update", [])])
        assert camera.evaluate("() => remove('ben')") == 200
        until("the slots are free", lambda: ids[1] not in bound(page))
        watched(page, [ids[0], ids[2]], max(before[pid]["video"]["framesDecoded"] for pid in ids) + 20)
        numbers = [frame["seq"] for frame in page.evaluate("() => feeds.feed.frames")]
        assert numbers == list(range(1, len(numbers) + 1)), "frames are numbered without gaps"
        page.evaluate("() => feeds.feed.say({ type: 'leave' })")
        until("left", lambda: page.evaluate("() => feeds.feed.left") == "user-initiated")


def watched(page, ids, count) -> dict:
    """Waits until pictures and sound of each of these publishers have come."""

    def look():
        found = received(page)
        return found if all(
            found.get(pid, {}).get("video", {}).get("framesDecoded", 0) >= count
            and found[pid].get("audio", {}).get("packetsReceived", 0) >= count
            for pid in ids
        ) else None

    return until("pictures of everybody", look, 40)
