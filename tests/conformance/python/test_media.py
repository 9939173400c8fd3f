"""Real media through the server: FFmpeg and Chromium publish, Chromium watches, and the events tell what happened."""

import pytest

from downstage import Stage, metric, until
from ffmpeg import Publisher
from shaper import Shaper
from watching import pictures, sound, watch


def whip(server) -> str:
    return f"{server.http}/whip"


def publish(page, server, token, name="camera", **options):
    result = page.evaluate(
        "([name, url, token, options]) => publish(name, url, token, options)", [name, whip(server), token, options]
    )
    assert result["status"] == 201, result
    return result


@pytest.mark.parametrize("role", ["passive", "active"])
def test_ffmpeg_publishes_and_chromium_watches(server, stage, browser, role, tmp_path):
    publisher, viewer = stage.token("PUBLISH", userId="encoder"), stage.token("SUBSCRIBE", userId="viewer")
    with Publisher(whip(server), publisher["token"], role=role, log=tmp_path / "ffmpeg.log"):
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        page = browser.page(server.http)
        watch(page, server, viewer["token"], publisher["participantId"])
        video = pictures(page, 60)
        assert (video["frameWidth"], video["frameHeight"]) == (640, 360)
        assert sound(page)["packetsLost"] == 0
        later = pictures(page, video["framesDecoded"] + 30)
        assert later["framesDecoded"] > video["framesDecoded"]
        record = stage.participant(publisher["participantId"])
        assert (record["state"], record["published"], record["protocol"]) == ("CONNECTED", True, "WHIP")
        assert stage.client.get_stage(arn=stage.arn)["stage"]["activeSessionId"] == stage.session()
        assert page.evaluate("() => remove('viewer')") == 200
        stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT")
        page.context.close()
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
    started = stage.events(viewer["participantId"])[1]
    assert started["remoteParticipantId"] == publisher["participantId"]
    until(
        "the session ends after its grace",
        lambda: "endTime" in stage.client.list_stage_sessions(stageArn=stage.arn)["stageSessions"][0],
    )
    assert "activeSessionId" not in stage.client.get_stage(arn=stage.arn)["stage"]


def test_chromium_publishes_and_two_viewers_watch(server, stage, browser):
    publisher = stage.token("PUBLISH", userId="ana")
    viewers = [stage.token("SUBSCRIBE", userId=name) for name in ("ben", "cy")]
    camera = browser.page(server.http)
    publish(camera, server, publisher["token"])
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
    page = browser.page(server.http)
    watch(page, server, viewers[0]["token"], publisher["participantId"], "one")
    watch(page, server, viewers[1]["token"], publisher["participantId"], "two", kinds=("audio",))
    video = pictures(page, 60, "one")
    assert (video["frameWidth"], video["frameHeight"]) == (640, 360)
    assert sound(page, "one")
    assert sound(page, "two")
    assert "video" not in page.evaluate("() => received('two')")
    listed = stage.client.list_participants(stageArn=stage.arn, sessionId=stage.session(), filterByState="CONNECTED")
    assert {each["userId"] for each in listed["participants"]} == {"ana", "ben", "cy"}
    published = stage.client.list_participants(stageArn=stage.arn, sessionId=stage.session(), filterByPublished=True)
    assert [each["userId"] for each in published["participants"]] == ["ana"]
    assert stage.participant(publisher["participantId"])["browserName"]
    # The publisher leaves: its viewers' subscriptions end with it.
    assert camera.evaluate("() => remove('camera')") == 200
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
    for viewer in viewers:
        stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT")
    camera.context.close()
    page.context.close()


@pytest.mark.parametrize("order", [["audio/red", "audio/opus"], ["audio/opus", "audio/red"]])
def test_redundant_sound_goes_to_viewers_that_take_it_if_the_publisher_prefers_it(server, stage, browser, order):
    publisher = stage.token("PUBLISH")
    camera, page = browser.page(server.http), browser.page(server.http)
    answer = publish(camera, server, publisher["token"], sound=order)["text"]
    preferred = order[0] == "audio/red"
    assert ("SAVPF 63 111\r\n" if preferred else "SAVPF 111 63\r\n") in answer
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
    bytes_each = {}
    for name, taken in [("redundant", order), ("plain", ["audio/opus"])]:
        token = stage.token("SUBSCRIBE")["token"]
        watch(page, server, token, publisher["participantId"], name, ("audio",), sound=taken)

    def heard(name):
        audio = page.evaluate("(name) => received(name)", name).get("audio", {})
        return audio if audio.get("packetsReceived", 0) >= 150 and audio["totalAudioEnergy"] > 0.001 else None

    for name in ("redundant", "plain"):
        audio = until(f"{name} sound", lambda: heard(name))
        assert audio["packetsLost"] == 0
        bytes_each[name] = audio["bytesReceived"] / audio["packetsReceived"]
        # Where nothing is lost, each repeated block is one too many: the decoder counts it as a packet that it throws away.
        is_redundant = preferred and name == "redundant"
        assert (audio["packetsDiscarded"] > audio["packetsReceived"] * 0.9) == is_redundant, (name, audio)
        assert is_redundant or audio["packetsDiscarded"] < audio["packetsReceived"] * 0.1, (name, audio)
    ratio = bytes_each["redundant"] / bytes_each["plain"]
    assert (1.5 < ratio < 2.6) if preferred else (0.7 < ratio < 1.4), bytes_each
    camera.context.close()
    page.context.close()


def test_redundant_sound_makes_up_for_loss_on_the_way_to_a_viewer(server, stage, browser):
    publisher = stage.token("PUBLISH")
    camera, page = browser.page(server.http), browser.page(server.http)
    publish(camera, server, publisher["token"], sound=["audio/red", "audio/opus"])
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")

    def heard(name, packets):
        audio = page.evaluate("(name) => received(name)", name).get("audio", {})
        return audio if audio.get("packetsReceived", 0) >= packets else None

    concealed = {}
    with Shaper(server.media[0], 7, delay_s=0.02) as one, Shaper(server.media[0], 7, delay_s=0.02) as other:
        ways = {"redundant": (one, ["audio/red", "audio/opus"]), "plain": (other, ["audio/opus"])}
        for name, (way, sound) in ways.items():
            media = ["127.0.0.1", way.port]
            token = stage.token("SUBSCRIBE")["token"]
            watch(page, server, token, publisher["participantId"], name, ("audio",), sound=sound, media=media)
        # What is concealed at the beginning, before the buffer has its length, is no loss.
        before = {name: until("sound", lambda: heard(name, 150)) for name in ways}
        for way, _ in ways.values():
            way.loss = 0.1
        for name in ways:
            after = until("sound", lambda: heard(name, before[name]["packetsReceived"] + 400))
            more = {key: after[key] - before[name][key] for key in ("concealedSamples", "totalSamplesReceived")}
            concealed[name] = more["concealedSamples"] / more["totalSamplesReceived"]
    print(f"\nconcealed at 10 % of loss: {concealed}")
    assert concealed["plain"] > 0.04 and concealed["redundant"] < concealed["plain"] / 3, concealed
    camera.context.close()
    page.context.close()


def test_vp8_is_carried_beside_h264(server, stage, browser):
    # The offer names H.264 too, as every publisher's must; what flows is the first codec it prefers.
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    camera = browser.page(server.http)
    result = camera.evaluate(
        "([name, url, token]) => publish(name, url, token, { codec: 'video/VP8' })",
        ["camera", whip(server), publisher["token"]],
    )
    assert result["status"] == 400, "an offer without H.264 is refused"
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_ERROR(INVALID_VIDEO_CODEC)", "LEFT")
    camera.context.close()
    assert viewer["participantId"]


def test_ice_restarts_without_losing_the_session(server, stage, browser):
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    camera, page = browser.page(server.http), browser.page(server.http)
    publish(camera, server, publisher["token"])
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
    watch(page, server, viewer["token"], publisher["participantId"])
    before = pictures(page, 30)
    restarted = camera.evaluate("() => restart('camera')")
    assert restarted["status"] == 200, restarted
    assert restarted["etag"] != restarted["before"]
    pictures(page, before["framesDecoded"] + 60)
    assert stage.names(publisher["participantId"]) == ["JOINED", "PUBLISH_STARTED"]
    camera.context.close()
    page.context.close()


@pytest.mark.parametrize(
    ("error", "options"),
    [
        ("BITRATE_EXCEEDED", {"size": "1280x720", "video_kbps": 9500,
                              "video": ["-minrate", "9500k", "-nal-hrd", "cbr", "-x264-params", "nal-hrd=cbr:filler=1"]}),
        ("RESOLUTION_EXCEEDED", {"size": "1280x800"}),
    ],
)
def test_a_publisher_over_a_limit_is_ended_with_its_reason(server, stage, error, options):
    publisher = stage.token("PUBLISH")
    with Publisher(whip(server), publisher["token"], **options) as ffmpeg:
        stage.wait_for(
            publisher["participantId"], "JOINED", "PUBLISH_STARTED", f"PUBLISH_ERROR({error})", "PUBLISH_STOPPED", "LEFT",
        )
        # What the server has closed it does not end by itself.
        ffmpeg.kill()


def test_a_portrait_picture_of_720p_is_within_the_limit(server, stage, browser):
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    with Publisher(whip(server), publisher["token"], size="720x1280", rate=15, video_kbps=1500):
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        page = browser.page(server.http)
        watch(page, server, viewer["token"], publisher["participantId"])
        video = pictures(page, 30)
        assert (video["frameWidth"], video["frameHeight"]) == (720, 1280)
        assert stage.names(publisher["participantId"]) == ["JOINED", "PUBLISH_STARTED"]
        page.context.close()


def test_a_publisher_that_vanishes_is_gone_after_the_liveness_timeout(own_server):
    server = own_server("--liveness-timeout", "2s").start()
    stage = Stage(server.client())
    publisher = stage.token("PUBLISH")
    with Publisher(whip(server), publisher["token"]) as ffmpeg:
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        ffmpeg.kill()
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
    assert stage.participant(publisher["participantId"])["state"] == "DISCONNECTED"


def test_a_disconnected_participant_is_banned_for_good(own_server):
    server = own_server().start()
    stage = Stage(server.client())
    publisher = stage.token("PUBLISH")
    with Publisher(whip(server), publisher["token"]) as ffmpeg:
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        stage.client.disconnect_participant(stageArn=stage.arn, participantId=publisher["participantId"], reason="rude")
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
        ffmpeg.kill()
    # T30: also after a restart.
    server.kill()
    server.start()
    stage.client = server.client()
    with Publisher(whip(server), publisher["token"]) as ffmpeg:
        assert ffmpeg.wait() != 0
    assert stage.names(publisher["participantId"]) == ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"]


def test_the_thirteenth_publisher_is_refused(server, stage, browser):
    publishers = [stage.token("PUBLISH") for _ in range(13)]
    page = browser.page(server.http)
    for index, publisher in enumerate(publishers[:12]):
        publish(page, server, publisher["token"], f"p{index}", width=320, height=180, kbps=60)
    result = page.evaluate(
        "([url, token]) => publish('late', url, token)", [whip(server), publishers[12]["token"]]
    )
    assert result["status"] == 403, result
    stage.wait_for(publishers[12]["participantId"], "JOINED", "PUBLISH_ERROR(QUOTA_EXCEEDED)", "LEFT")
    page.context.close()


def test_capabilities_are_enforced_on_each_door(server, stage, browser):
    viewer, publisher = stage.token("SUBSCRIBE"), stage.token("PUBLISH")
    page = browser.page(server.http)
    refused = page.evaluate("([url, token]) => publish('no', url, token)", [whip(server), viewer["token"]])
    assert refused["status"] == 403
    stage.wait_for(viewer["participantId"], "JOINED", "PUBLISH_ERROR(INSUFFICIENT_CAPABILITIES)", "LEFT")
    publish(page, server, publisher["token"])
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
    subscribe = "([url, token]) => subscribe('no', url, token)"
    refused = page.evaluate(subscribe, [f"{server.http}/whip/subscribe/{viewer['participantId']}", publisher["token"]])
    assert refused["status"] == 403
    unpublished = page.evaluate(
        subscribe, [f"{server.http}/whip/subscribe/{viewer['participantId']}", stage.token("SUBSCRIBE")["token"]]
    )
    assert unpublished["status"] == 409
    absent = page.evaluate(subscribe, [f"{server.http}/whip/subscribe/nobody", stage.token("SUBSCRIBE")["token"]])
    assert absent["status"] == 404
    page.context.close()


def test_deleting_a_stage_disconnects_everybody(server, client, browser):
    stage = Stage(client)
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    page = browser.page(server.http)
    publish(page, server, publisher["token"])
    stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
    watch(page, server, viewer["token"], publisher["participantId"])
    pictures(page, 10)
    client.delete_stage(arn=stage.arn)
    state = "(name) => peers[name].connection.connectionState"
    for name in ("camera", "viewer"):
        until(f"{name} is cut", lambda: page.evaluate(state, name) in ("disconnected", "failed", "closed"))
    refused = page.evaluate("([url, token]) => publish('late', url, token)", [whip(server), publisher["token"]])
    assert refused["status"] == 404
    page.context.close()


def test_the_metrics_follow_the_media(own_server, browser):
    server = own_server().start()
    stage = Stage(server.client())
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    with Publisher(whip(server), publisher["token"]):
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        page = browser.page(server.http)
        watch(page, server, viewer["token"], publisher["participantId"])
        pictures(page, 30)
        until("the gauges", lambda: metric(server, "downstage_subscribes") == 1)
        assert metric(server, "downstage_stages") == 1
        assert metric(server, "downstage_sessions") == 1
        assert metric(server, "downstage_publishes") == 1
        assert metric(server, "downstage_participants", state="connected") == 2
        for way in ("in", "out"):
            packets = metric(server, f"downstage_rtp_packets_{way}_total")
            assert packets > 30
            assert metric(server, f"downstage_rtp_bytes_{way}_total") > packets
        assert metric(server, "downstage_media_drops_total") >= 0
        assert metric(server, "downstage_api_calls_total", operation="CreateStage", outcome="ok") == 1
        assert metric(server, "downstage_store_seconds_count") > 0
        page.context.close()
    until("nobody is connected", lambda: metric(server, "downstage_participants", state="connected") == 0)
    assert metric(server, "downstage_peer_panics_total") == 0
