"""RTMP and RTMPS with real encoders, each with a code of its own for the wire: Chromium watches and hears, and the control API tells it."""

import pytest

import rtmp
from cli import Cli
from downstage import Stage, until
from guests import Guest, blank
from ingest import Ingest
from rtmp import FFMPEG_5, Ffmpeg, Gstreamer
from watching import pictures, sound, watch

without_gstreamer = pytest.mark.skipif(rtmp.GSTREAMER is None, reason="GStreamer is not installed")

ENCODERS = {
    "ffmpeg-5": lambda url, **arguments: Ffmpeg(url, binary=FFMPEG_5, **arguments),
    "ffmpeg-9": Ffmpeg,
    "rtmp2sink": lambda url, certificate, **arguments: Gstreamer(url, **arguments),
    "librtmp": lambda url, certificate, **arguments: Gstreamer(url, sink="rtmpsink", **arguments),
}


@pytest.mark.parametrize("protocol", ["RTMP", "RTMPS"])
@pytest.mark.parametrize(
    "encoder", [pytest.param(name, marks=() if name.startswith("ffmpeg") else without_gstreamer) for name in ENCODERS]
)
def test_an_encoder_publishes_and_chromium_watches(server, stage, browser, tmp_path, encoder, protocol):
    ingest = Ingest(stage, name="studio", userId="camera", attributes={"seat": "front"})
    assert (ingest.made["state"], ingest.made["stageArn"]) == ("INACTIVE", stage.arn)
    viewer = stage.token("SUBSCRIBE", userId="viewer")
    log = tmp_path / "encoder.log"
    with ENCODERS[encoder](ingest.url(protocol), certificate=server.certificate, log=log) as program:
        ingest.wait_begun()
        page = browser.page(server.http)
        watch(page, server, viewer["token"], ingest.participant)
        video = pictures(page, 45)
        assert (video["frameWidth"], video["frameHeight"]) == (640, 360)
        heard = sound(page)
        assert heard["packetsLost"] == 0 and video["packetsLost"] == 0
        record = stage.participant(ingest.participant)
        expected = {
            "state": "CONNECTED", "published": True, "protocol": protocol, "userId": "camera", "attributes": {"seat": "front"},
            "ingestConfigurationArn": ingest.arn,
        }
        assert {name: record.get(name) for name in expected} == expected
        assert ingest.get() == {**ingest.made, "state": "ACTIVE"}
        listed = stage.client.list_participants(stageArn=stage.arn, sessionId=stage.session(), filterByPublished=True)["participants"]
        assert [(each["participantId"], each["userId"]) for each in listed] == [(ingest.participant, "camera")]
        configurations = stage.client.list_ingest_configurations(filterByStageArn=stage.arn)["ingestConfigurations"]
        assert [(each["arn"], each["state"]) for each in configurations] == [(ingest.arn, "ACTIVE")]
        active = stage.client.list_ingest_configurations(filterByState="ACTIVE")["ingestConfigurations"]
        assert ingest.arn in [each["arn"] for each in active]
        pictures(page, video["framesDecoded"] + 30)
        page.context.close()
        assert program.process.poll() is None, log.read_text()[-2000:]
    ingest.wait_ended()
    assert stage.participant(ingest.participant)["state"] == "DISCONNECTED"


def test_guests_see_an_encoder_beside_each_other_and_a_whip_publisher(server, stage, browser):
    """Two configurations on one stage, a publisher by WHIP, and the client library."""
    one, two = (Ingest(stage, userId=name) for name in ("one", "two"))
    pages = [blank(browser, server) for _ in range(2)]
    whip = stage.token("PUBLISH", userId="whip")
    options = {"width": 320, "height": 180, "kbps": 150}
    assert pages[0].evaluate("([u, t, o]) => publish('camera', u, t, o)", [f"{server.http}/whip", whip["token"], options])["status"] == 201
    with Ffmpeg(one.url("RTMP"), size="320x180"), Ffmpeg(two.url("RTMPS"), size="320x180", certificate=server.certificate):
        guest = Guest(pages[1], "guest", stage.token(userId="guest")["token"])
        assert guest.refusal is None
        seen = guest.sees("one", "two", "whip")
        for name in ("one", "two"):
            assert seen[name]["video"]["mimeType"] == "video/H264"
            until(f"{name} is heard", lambda: guest.received()[name]["audio"].get("totalAudioEnergy", 1) > 0)
        speaks = "({ last }) => (last.stageActiveSpeakersChanged?.[0] ?? []).map(({ participant }) => participant.userId)"
        until("both encoders are heard speaking", lambda: {"one", "two"} <= set(guest.call(speaks)))
        infos = guest.call("({ stage, streams }) => [...streams.values()].map(([{ participantInfo }]) => participantInfo.userId).sort()")
        assert infos == ["one", "two", "whip"]
    for name in ("one", "two"):
        guest.wait_told("stageParticipantLeft", name)
    guest.sees("whip", after=guest.received())
    for page in pages:
        page.context.close()


def test_an_encoder_that_comes_back_is_the_same_participant_in_the_same_session(own_server, browser):
    server = own_server("--session-grace", "60s").start()
    stage = Stage(server.client())
    ingest = Ingest(stage)
    viewer = stage.token("SUBSCRIBE")
    page = browser.page(server.http)
    with Ffmpeg(ingest.url()) as first:
        ingest.wait_begun()
        session = stage.session()
        first.kill()
    # At once, over the other port: nobody waits for the server to notice that the first is gone.
    with Ffmpeg(ingest.url("RTMPS"), certificate=server.certificate):
        twice = ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT", "JOINED", "PUBLISH_STARTED"]
        stage.wait_for(ingest.participant, *twice)
        assert stage.session() == session
        assert len(stage.client.list_stage_sessions(stageArn=stage.arn)["stageSessions"]) == 1
        record = stage.participant(ingest.participant)
        assert (record["state"], record["protocol"]) == ("CONNECTED", "RTMPS")
        first_join = stage.events(ingest.participant)[0]["eventTime"]
        assert record["firstJoinTime"].replace(microsecond=0) == first_join.replace(microsecond=0)
        watch(page, server, viewer["token"], ingest.participant)
        pictures(page, 20)
    page.context.close()


@pytest.mark.parametrize("query", ["?clientConfigId=1", "?authmod=adobe&user=x", "/"])
def test_what_encoders_append_to_the_key_is_no_part_of_it(stage, query):
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url() + query, size="160x96"):
        ingest.wait_begun()


@pytest.mark.parametrize("app", ["app/{}", "app/{}/", "app/{}?x=y"])
def test_the_key_may_be_the_end_of_the_url_for_encoders_that_have_no_field_for_it(stage, app):
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(key="stream"), size="160x96", output=["-rtmp_app", app.format(ingest.key)]):
        ingest.wait_begun()


def test_high_profile_at_60_pictures_a_second_in_mono_of_44100_hertz(server, stage, browser):
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), rate=60, hertz=44_100, video=rtmp.h264(1_000, 60, "high"), audio=rtmp.aac(96, 1)):
        ingest.wait_begun()
        page = browser.page(server.http)
        watch(page, server, stage.token("SUBSCRIBE")["token"], ingest.participant)
        pictures(page, 120)
        sound(page)
        rate = until("a second of statistics", lambda: page.evaluate("() => received('viewer')")["video"].get("framesPerSecond", 0) > 50)
        assert rate
        page.context.close()


def test_the_aws_cli_tells_of_an_encoder(server):
    aws = Cli(server)
    stage = Stage(server.client(region=aws.environment["AWS_DEFAULT_REGION"]))
    made = aws("create-ingest-configuration", "--ingest-protocol", "RTMP", "--insecure-ingest", "--stage-arn", stage.arn,
               "--user-id", "camera")["ingestConfiguration"]
    with Ffmpeg(stage.stage["endpoints"]["rtmp"] + made["streamKey"], size="160x96"):
        stage.wait_for(made["participantId"], "JOINED", "PUBLISH_STARTED")
        assert aws("get-ingest-configuration", "--arn", made["arn"])["ingestConfiguration"]["state"] == "ACTIVE"
        named = ["--stage-arn", stage.arn, "--session-id", stage.session(), "--participant-id", made["participantId"]]
        participant = aws("get-participant", *named)["participant"]
        assert (participant["protocol"], participant["userId"], participant["published"]) == ("RTMP", "camera", True)
        events = aws("list-participant-events", *named)["events"]
        assert [event["name"] for event in events] == ["JOINED", "PUBLISH_STARTED"]
        aws.fails("ConflictException", "delete-ingest-configuration", "--arn", made["arn"])
        aws("delete-ingest-configuration", "--arn", made["arn"], "--force")
        stage.wait_for(made["participantId"], "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
