"""Replicas as browsers see them: ordinary participants that publish, to the client library, to WHEP and to the documented events socket."""

import pytest

from downstage import Stage, until
from ffmpeg import Publisher
from guests import SMALL, Guest
from replication import Replication
from studio import Studio
from test_client import LAYERS, WIDE, guest, pages  # noqa: F401  `pages` is a fixture
from test_events_socket import OPEN, events_url, frames
from watching import pictures, sound, watch

APPEARS = ["JOINED", "PUBLISH_STARTED"]
GOES = ["PUBLISH_STOPPED", "LEFT"]


@pytest.fixture
def other(client):
    """A second stage."""
    stage = Stage(client)
    yield stage
    client.delete_stage(arn=stage.arn)


def replications(stage, participant: str) -> list[tuple]:
    """What the source's list of events says of them."""
    return [
        (each["name"], each["destinationStageArn"], each["destinationSessionId"])
        for each in stage.events(participant) if each["name"].startswith("REPLICATION_")
    ]


def test_two_hosts_are_seen_on_both_stages_until_one_way_is_stopped(stage, other, pages):  # noqa: F811
    ana = guest(pages(), stage, "ana", attributes={"team": "red", "seat": "1"}, publish=SMALL)
    ben = guest(pages(), other, "ben", attributes={"team": "blue"}, publish=SMALL)
    hall = pages()
    red, blue = guest(hall, stage, "red", "SUBSCRIBE"), guest(hall, other, "blue", "SUBSCRIBE")
    red.sees("ana", more=1)
    blue.sees("ben", more=1)
    there = Replication(stage, ana.id, other, attributes={"seat": "guest", "side": "left"})
    here = Replication(other, ben.id, stage)
    everybody = {red: ("ana", "ben"), blue: ("ana", "ben"), ana: ("ben",), ben: ("ana",)}
    for each, names in everybody.items():
        each.sees(*names, more=20)
    # The host is who it is, and what the replication adds shows where the replica is.
    attributes = "(guest) => guest.stream('ana', 'video').participantInfo.attributes"
    assert blue.call(attributes) == {"team": "red", "seat": "guest", "side": "left"}
    assert red.call(attributes) == {"team": "red", "seat": "1"}
    until("all is told", lambda: len([each for each in other.events(blue.id) if each["name"] == "SUBSCRIBE_STARTED"]) == 2)
    subscribed = {each["remoteParticipantId"]: each["replica"] for each in other.events(blue.id) if each["name"] == "SUBSCRIBE_STARTED"}
    assert subscribed == {ana.id: True, ben.id: False}

    seen = {each: each.received() for each in everybody}
    there.stop()
    for each in (blue, ben):
        each.wait_told("stageParticipantStreamsRemoved", "ana", ["audio", "video"])
        each.wait_told("stageParticipantLeft", "ana")
    # It leaves that stage only; all else goes on.
    red.sees("ana", "ben", after=seen[red], more=20)
    blue.sees("ben", after=seen[blue], more=20)
    ana.sees("ben", after=seen[ana])
    assert not red.told("stageParticipantLeft") and not ana.told("stageParticipantLeft")
    there.wait_for(*APPEARS, *GOES)
    here.wait_for(*APPEARS)
    assert (there.state(), here.state()) == ("STOPPED", "ACTIVE")
    went = (other.arn, other.session())
    assert replications(stage, ana.id) == [("REPLICATION_STARTED", *went), ("REPLICATION_STOPPED", *went)]
    for each in everybody:
        assert not each.told("error") and each.states() == ["connecting", "connected"]


def test_who_comes_back_within_the_window_reappears_on_both_stages(stage, other, pages):  # noqa: F811
    ana = guest(pages(), stage, "ana", "PUBLISH", publish=SMALL)
    hall = pages()
    red, blue = guest(hall, stage, "red", "SUBSCRIBE"), guest(hall, other, "blue", "SUBSCRIBE")
    replication = Replication(stage, ana.id, other, reconnectWindowSeconds=60)
    for viewer in (red, blue):
        viewer.sees("ana")

    def away(times: int) -> None:
        for viewer in (red, blue):
            until("it is gone there", lambda: len(viewer.told("stageParticipantLeft")) == times)
        replication.wait_for(*(APPEARS + GOES) * times)
        assert replication.state() == "ACTIVE", "it is awaited"
        assert other.participant(ana.id)["state"] == "DISCONNECTED"

    ana.leave()
    away(1)
    assert ana.call("({ stage }) => stage.join().then(() => null, String)") is None
    for viewer in (red, blue):
        viewer.sees("ana")
    # To publish no more is to be away too.
    ana.change(publish=None)
    away(2)
    ana.change(publish=SMALL)
    for viewer in (red, blue):
        viewer.sees("ana")
        assert viewer.told("stageParticipantJoined").count(["stageParticipantJoined", "ana"]) == 3
        assert not viewer.told("error")
    replication.wait_for(*(APPEARS + GOES) * 2, *APPEARS)
    went = (other.arn, other.session())
    assert replications(stage, ana.id) == [("REPLICATION_STARTED", *went)], "it is one replication all the time"


def test_layers_messages_and_mute_come_with_the_replica(stage, other, pages):  # noqa: F811
    messages = {"inBandMessaging": {"enabled": True}}
    ana = guest(pages(), stage, "ana", "PUBLISH", publish={"video": {"simulcast": LAYERS, **messages}, "size": WIDE})
    ben = guest(pages(), other, "ben", "SUBSCRIBE", configuration=messages)
    ana.wait_told("stageParticipantPublishStateChanged", "ana", "published")
    Replication(stage, ana.id, other)
    layers = "(guest) => guest.stream('ana', 'video')?.getLayers().map(({ label, width }) => [label, width])"
    until("three layers", lambda: ben.call(layers) == [["low", 240], ["mid", 480], ["hi", 960]], 40)
    for label, width in (("low", 240), ("hi", 960)):
        ben.change(prefer=label)
        ben.wait_told("stageStreamLayerSelected", "ana", "video", label, "selected")
        ben.sees("ana", width=width, more=1)

    send = "(guest, text) => guest.local()[1].insertSeiMessage(new TextEncoder().encode(text).buffer, { repeatCount: 5 })"
    for text in ("first", "second"):
        ana.call(send, text)
        until("the message", lambda: text in [each[2]["text"] for each in ben.told("stageStreamSeiMessageReceived")])

    seen = ben.received()
    info = "(guest) => { const { audioMuted, videoStopped } = guest.stream('ana', 'video').participantInfo; return [audioMuted, videoStopped]; }"
    mute = "(guest, [kind, isMuted]) => guest.local().find(({ streamType }) => streamType === kind).setMuted(isMuted)"
    for kind, expected in (("audio", [True, False]), ("video", [True, True])):
        ana.call(mute, [kind, True])
        ben.wait_told("stageStreamMuteChanged", "ana", kind)
        until(f"{kind} is muted there", lambda: ben.call(info) == expected)
    for kind in ("audio", "video"):
        ana.call(mute, [kind, False])
    until("nothing is muted", lambda: ben.call(info) == [False, False])
    ben.sees("ana", after=seen)
    assert other.names(ana.id) == APPEARS, "to mute is not to unpublish"


def test_what_the_source_exchanges_is_told_there_and_a_disconnect_ends_it_at_once(stage, other, client, pages):  # noqa: F811
    with Studio(client) as studio:
        def token(seat, *capabilities, user_id="ana"):
            return studio.participant(stage, "ana", *capabilities, user_id=user_id, attributes={"seat": seat, "team": "red"})

        ana = Guest(pages(), "ana", token("1"), publish=SMALL)
        ben = guest(pages(), other, "ben", "SUBSCRIBE")
        ana.wait_told("stageParticipantPublishStateChanged", "ana", "published")
        replication = Replication(stage, "ana", other, reconnectWindowSeconds=300, attributes={"team": "guests"})
        ben.sees("ana")
        exchange = "({ stage }, token) => stage.exchangeToken(token).then(() => null, String)"
        assert ana.call(exchange, token("2", user_id="anna")) is None
        ben.wait_told("stageParticipantMetadataChanged", "anna")
        attributes = "(guest) => guest.stream('anna', 'video').participantInfo.attributes"
        assert ben.call(attributes) == {"seat": "2", "team": "guests"}
        until("the record is written", lambda: other.participant("ana")["userId"] == "anna")
        # What is taken away ends the publication, and the replica awaits it.
        assert ana.call(exchange, token("2", "subscribe", user_id="anna")) is None
        ben.wait_told("stageParticipantLeft", "anna")
        assert replication.state() == "ACTIVE"
        assert ana.call(exchange, token("3", user_id="anna")) is None
        ben.sees("anna")
        assert ben.call(attributes) == {"seat": "3", "team": "guests"}
        client.disconnect_participant(stageArn=stage.arn, participantId="ana")
        until("it is gone there", lambda: len(ben.told("stageParticipantLeft")) == 2)
        # Who watches is told first.
        until("the record is written", lambda: replication.state() == "STOPPED")
        assert not ben.told("error")


def test_a_replica_is_no_special_case_to_whep_and_the_documented_socket(server, stage, other, browser):
    source = stage.token("PUBLISH", userId="cam", attributes={"seat": "1", "team": "red"})
    ana = source["participantId"]
    page = browser.page(server.http)
    page.evaluate(OPEN, ["socket", events_url(server, other), other.token("SUBSCRIBE")["token"]])

    def listed() -> list:
        states = [each for each in frames(page) if each["type"] == "STAGE_STATE"]
        return states[-1]["payload"]["participants"] if states else []

    with Publisher(f"{server.http}/whip", source["token"], size="320x180", rate=15, video_kbps=150):
        stage.wait_for(ana, *APPEARS)
        replication = Replication(stage, ana, other, attributes={"seat": "guest"})
        entry = {"id": ana, "userId": "cam", "attributes": {"seat": "guest", "team": "red"}, "isPublishing": True}
        until("it is on the roster", lambda: listed() == [entry])
        viewer = other.token("SUBSCRIBE")
        watch(page, server, viewer["token"], ana)
        video = pictures(page, 20)
        assert (video["frameWidth"], video["frameHeight"]) == (320, 180)
        assert sound(page)["packetsLost"] == 0
        replication.stop()
        until("it is off the roster", lambda: listed() == [])
        other.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT")
        again = page.evaluate(
            "([url, token]) => subscribe('again', url, token)",
            [f"{server.http}/whip/subscribe/{ana}", other.token("SUBSCRIBE")["token"]],
        )
        assert again["status"] == 409, again  # as of anybody who has published
        assert stage.names(ana) == [*APPEARS, "REPLICATION_STARTED", "REPLICATION_STOPPED"]
    page.context.close()
