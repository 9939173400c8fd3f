"""Three layers of a browser's camera: which of them a viewer gets, by itself, by its choice and behind a narrow link."""

import time

import pytest

import network
from browser import CHROMIUM
from downstage import Stage, until
from shaper import Shaper
from spare import Spare

# Widths of the layers by name, lowest first. Browsers leave out the third layer of pictures under 960x540.
WIDTHS = {"q": 256, "h": 512, "f": 1024}
LAYERS = [
    {"rid": "q", "scaleResolutionDownBy": 4, "maxBitrate": 100_000},
    {"rid": "h", "scaleResolutionDownBy": 2, "maxBitrate": 300_000},
    {"rid": "f", "scaleResolutionDownBy": 1, "maxBitrate": 900_000},
]
CAMERA = {"width": 1024, "height": 576, "frameRate": 15, "grain": True, "layers": LAYERS}
# Longest way back to the layer of before, once a restriction has ended.
RECOVERY_S = 5
SERVE_KEYS = "AKSIMULCAST:0123456789abcdef:123456789012"


def publish(page, url, token) -> None:
    result = page.evaluate("([url, token, camera]) => publish('camera', url, token, camera)", [url, token, CAMERA])
    assert result["status"] == 201, result
    assert "a=simulcast:recv q;h;f" in result["text"]


def sent(page) -> dict[str, int]:
    """Pictures that the publisher has encoded, by layer."""
    return page.evaluate("""async () => Object.fromEntries(
        [...(await peers.camera.connection.getStats()).values()]
            .filter(({ type, rid }) => type === 'outbound-rtp' && rid)
            .map(({ rid, framesEncoded }) => [rid, framesEncoded ?? 0]))""")


def wait_for_layers(page) -> None:
    """A browser begins with its lower layers, and finds out what its own link bears before it adds the others."""
    until("all three layers are sent", lambda: len([each for each in sent(page).values() if each > 5]) == 3, 60)


def watch(page, url, token, publisher, media=None) -> None:
    result = page.evaluate(
        "([url, token, media]) => subscribe('viewer', url, token, { sampled: true, media })",
        [f"{url}/whip/subscribe/{publisher}", token, media],
    )
    assert result["status"] == 201, result


def samples(page) -> list[dict]:
    return page.evaluate("() => peers.viewer.samples")


def wait_for_width(page, width, seconds=100) -> float:
    """Waits until pictures of that width play; gives the seconds that it took."""
    begin = time.monotonic()
    until(f"pictures {width} wide, after {[each['width'] for each in samples(page)]}", lambda: samples(page)[-1]["width"] == width if samples(page) else False, seconds)
    return time.monotonic() - begin


def told(page, selected, reason) -> bool:
    """Whether the newest `layers` event says so."""
    events = [each["data"] for each in page.evaluate("() => peers.viewer.told") if each["event"] == "layers"]
    if not events:
        return False
    (media,) = events[-1].values()
    return (media["selected"], media["reason"]) == (selected, reason)


def wait_until_told(page, selected, reason) -> None:
    try:
        until("the event", lambda: told(page, selected, reason))
    except AssertionError:
        last = page.evaluate("() => peers.viewer.told.slice(-3)")
        raise AssertionError(f"no event says {selected} ({reason}); the last are {last}") from None


def widths(page) -> list[tuple[float, int]]:
    """When each width was first seen, in seconds from the beginning, each change once."""
    seen: list[tuple[float, int]] = []
    for each in samples(page):
        if each["width"] and each["width"] != (seen[-1][1] if seen else 0):
            seen.append((round(each["at"], 1), each["width"]))
    return seen


def test_a_viewer_begins_low_goes_up_and_gets_the_layer_that_it_asks_for(server, stage, browser):
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    camera, page = browser.page(server.http), browser.page(server.http)
    publish(camera, f"{server.http}/whip", publisher["token"])
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
    wait_for_layers(camera)

    watch(page, server.http, viewer["token"], publisher["participantId"])
    up = wait_for_width(page, WIDTHS["f"])
    order = [width for _, width in widths(page)]
    assert order == sorted(order) and order[0] == WIDTHS["q"], f"lowest first, then up: {order}"

    assert page.evaluate("() => listen('viewer', ['layers'])") == 200
    wait_until_told(page, "f", "automatic")
    (media,) = page.evaluate("() => peers.viewer.told.at(-1).data").values()
    assert [(each["id"], each["width"]) for each in media["active"]] == list(WIDTHS.items())
    took = {}
    for layer in ("h", "q", "f"):
        assert page.evaluate("(layer) => choose('viewer', { encodingId: layer })", layer) in (200, 201, 204)
        took[layer] = round(wait_for_width(page, WIDTHS[layer]), 2)
        wait_until_told(page, layer, "selected")
    assert page.evaluate("() => choose('viewer', { encodingId: 'none' })") == 404
    assert page.evaluate("() => choose('viewer', { maxWidth: 600 })") in (200, 201, 204)
    took["maxWidth"] = round(wait_for_width(page, WIDTHS["h"]), 2)
    assert page.evaluate("() => choose('viewer', {})") in (200, 201, 204)
    took["automatic"] = round(wait_for_width(page, WIDTHS["f"]), 2)
    wait_until_told(page, "f", "automatic")
    last = samples(page)[-1]
    print(f"\nup after {up:.2f} s by {order}; by choice (s): {took}; freezes {last['freezeCount']} ({last['totalFreezesDuration']:.2f} s)")
    camera.context.close()
    page.context.close()


def test_a_layer_that_stops_is_left_for_the_next_best_and_taken_again(server, stage, browser):
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    camera, page = browser.page(server.http), browser.page(server.http)
    publish(camera, f"{server.http}/whip", publisher["token"])
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
    wait_for_layers(camera)
    watch(page, server.http, viewer["token"], publisher["participantId"])
    assert page.evaluate("() => listen('viewer', ['layers'])") == 200
    wait_for_width(page, WIDTHS["f"])
    assert page.evaluate("() => choose('viewer', { encodingId: 'f' })") in (200, 201, 204)
    wait_until_told(page, "f", "selected")
    camera.evaluate("() => activate('camera', 'f', false)")
    down = wait_for_width(page, WIDTHS["h"])
    wait_until_told(page, "h", "unavailable")
    camera.evaluate("() => activate('camera', 'f', true)")
    up = wait_for_width(page, WIDTHS["f"])
    wait_until_told(page, "f", "selected")
    last = samples(page)[-1]
    print(f"\nleft after {down:.2f} s, taken again after {up:.2f} s; freezes {last['freezeCount']} ({last['totalFreezesDuration']:.2f} s)")
    camera.context.close()
    page.context.close()


@pytest.mark.skipif(bool(network.refusal()), reason=network.refusal() or "-")
def test_layers_follow_a_link_that_narrows_and_widens(own_server, browser, tmp_path):
    with network.Namespace() as behind:
        server = own_server(
            "--media-workers", "1", "--external-ip", behind.near,
            mode="serve", address="0.0.0.0", environment={"DOWNSTAGE_ACCESS_KEYS": SERVE_KEYS},
        ).start()
        access_key, secret_key, _ = SERVE_KEYS.split(":")
        stage = Stage(server.client(access_key, secret_key))
        port = server.http.rsplit(":", 1)[1]
        publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
        camera = browser.page(f"http://127.0.0.1:{port}")
        publish(camera, f"http://127.0.0.1:{port}/whip", publisher["token"])
        wait_for_layers(camera)
        behind.limit(3_000)
        chromium = browser.launch(behind.program(tmp_path, CHROMIUM))
        try:
            page = browser.page(f"http://{behind.near}:{port}", chromium)
            watch(page, f"http://{behind.near}:{port}", viewer["token"], publisher["participantId"])
            assert page.evaluate("() => listen('viewer', ['layers'])") == 200
            begin = wait_for_width(page, WIDTHS["f"])
            wide = settle(page)
            spare = Spare()
            behind.limit(400)
            down = wait_for_narrower(page)
            count = len(samples(page))
            narrow = settle(page)
            during = samples(page)[count:]
            behind.limit(3_000)
            up = wait_for_width(page, WIDTHS["f"])
            again = settle(page)
        finally:
            chromium.close()
        camera.context.close()
    print(f"\nup after {begin:.2f} s, down after {down:.2f} s to {narrow['width']}, up again after {up:.2f} s; widths by second: {again['order']}")
    print(f"narrow from {wide['at']:.1f} s to {narrow['at']:.1f} s")
    for name, since, to in (("3 Mbit/s", None, wide), ("400 kbit/s", wide, narrow), ("3 Mbit/s again", narrow, again)):
        print(f"{name}: {freezes(since, to)}")
    low = [each["width"] for each in during if each["width"] < WIDTHS["f"]]
    assert len(low) >= len(during) * 0.8, f"the top layer does not fit into 400 kbit/s: {narrow['order']}"
    assert spare.keeps("down", down, 10)
    # What is promised; pictures are sampled each second.
    assert spare.keeps("up again", up, RECOVERY_S + 1)
    # Audio goes on: of what was played while the link was narrow, nearly all had been received.
    played = narrow["samples"] - wide["samples"]
    concealed = narrow["concealed"] - wide["concealed"]
    assert played > 0 and concealed < played * 0.25, f"{concealed} of {played} samples are made up"
    assert again["framesDecoded"] > narrow["framesDecoded"] > wide["framesDecoded"]


@pytest.mark.skipif(bool(network.refusal()), reason=network.refusal() or "-")
def test_a_bucket_of_tokens_is_not_taken_for_the_rate(own_server, browser, tmp_path):
    with network.Namespace() as behind:
        server = own_server(
            "--media-workers", "1", "--external-ip", behind.near,
            mode="serve", address="0.0.0.0", environment={"DOWNSTAGE_ACCESS_KEYS": SERVE_KEYS},
        ).start()
        access_key, secret_key, _ = SERVE_KEYS.split(":")
        stage = Stage(server.client(access_key, secret_key))
        port = server.http.rsplit(":", 1)[1]
        publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
        camera = browser.page(f"http://127.0.0.1:{port}")
        publish(camera, f"http://127.0.0.1:{port}/whip", publisher["token"])
        wait_for_layers(camera)
        behind.limit(400, network.BUCKET)
        chromium = browser.launch(behind.program(tmp_path, CHROMIUM))
        try:
            page = browser.page(f"http://{behind.near}:{port}", chromium)
            watch(page, f"http://{behind.near}:{port}", viewer["token"], publisher["participantId"])
            until("the first ten seconds", lambda: len(samples(page)) >= 10)
            first = settle(page)
            until("half a minute more", lambda: samples(page)[-1]["at"] >= first["at"] + 30, 60)
            narrow = settle(page)
            spare = Spare()
            behind.limit(3_000, network.BUCKET)
            up = wait_for_width(page, WIDTHS["f"])
            order = widths(page)
        finally:
            chromium.close()
        camera.context.close()
    print(f"\nwidths by second: {order}; narrow until {narrow['at']:.1f} s, up after {up:.2f} s; {freezes(first, narrow)}")
    # Where the middle layer nearly takes all there is, it may come and go; the top one may not come again.
    later = [width for at, width in narrow["order"] if at > first["at"]]
    assert WIDTHS["f"] not in later, f"the top layer does not fit into 400 kbit/s: {narrow['order']}"
    assert spare.keeps("up", up, 10)
    played = narrow["samples"] - first["samples"]
    concealed = narrow["concealed"] - first["concealed"]
    assert played > 0 and concealed < played * 0.1, f"{concealed} of {played} samples are made up"


def test_loss_is_mended_and_a_blackout_survived(server, stage, browser):
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    camera, page = browser.page(server.http), browser.page(server.http)
    publish(camera, f"{server.http}/whip", publisher["token"])
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
    wait_for_layers(camera)
    with Shaper(server.media[0], 7, delay_s=0.02, jitter_s=0.01) as way:
        watch(page, server.http, viewer["token"], publisher["participantId"], ["127.0.0.1", way.port])
        wait_for_width(page, WIDTHS["f"])
        clean = settle(page)
        spare = Spare()
        way.loss = 0.03
        lossy = settle(page)
        pictures = lossy["framesDecoded"] - clean["framesDecoded"]
        went_on = pictures > 20 or spare.was_none(f"{pictures} pictures in spite of loss")
        video = page.evaluate("() => received('viewer')")["video"]
        way.loss = 1.0
        count = len(samples(page)) + 3
        until("a blackout of three seconds", lambda: len(samples(page)) >= count)
        dark = samples(page)[-1]
        way.loss = 0.0
        begin, spare = time.monotonic(), Spare()
        until("pictures again", lambda: samples(page)[-1]["framesDecoded"] > dark["framesDecoded"] + 15)
        light = time.monotonic() - begin
        top = wait_for_width(page, WIDTHS["f"])
        recovered = spare.keeps("after the blackout", light + top, RECOVERY_S + 1)
        print(
            f"\n3 % lost: {freezes(clean, lossy)}, {video['packetsLost']} packets lost, {video['retransmittedPacketsReceived']} sent again, "
            f"{video['nackCount']} NACKs; after the blackout 15 pictures in {light:.2f} s, the top layer {top:.2f} s later; "
            f"then {freezes(dark, samples(page)[-1])}; of {way.forwarded + way.dropped} datagrams {way.dropped} dropped"
        )
    assert video["retransmittedPacketsReceived"] > 0
    assert went_on, "pictures go on in spite of loss"
    assert recovered, (light, top)
    camera.context.close()
    page.context.close()


def settle(page) -> dict:
    """Five seconds more, counted by samples; gives the last, and all widths until then."""
    count = len(samples(page)) + 5
    until("samples", lambda: len(samples(page)) >= count)
    return {**samples(page)[-1], "order": widths(page)}


def wait_for_narrower(page) -> float:
    begin = time.monotonic()
    until("a lower layer", lambda: samples(page)[-1]["width"] < WIDTHS["f"])
    return time.monotonic() - begin


def freezes(since, to) -> str:
    zero = {"freezeCount": 0, "totalFreezesDuration": 0, "samples": 0, "concealed": 0, "at": 0}
    of = {name: to[name] - (since or zero)[name] for name in zero}
    return (
        f"{of['at']:.1f} s, {of['freezeCount']} freezes ({of['totalFreezesDuration']:.2f} s), "
        f"{of['concealed']} of {of['samples']} samples of audio concealed"
    )
