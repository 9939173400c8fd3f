"""The client library in Chromium, as applications use it: join, publish, mute, layers, messages, exchanges, and each way out."""

import pytest

from downstage import Stage, until
from guests import SMALL, Guest, blank
from studio import Studio

# Browsers send three layers of no smaller picture.
WIDE = {"width": 960, "height": 540, "frameRate": 10, "grainy": True}
LAYERS = {
    "enabled": True,
    "layers": [
        {"width": width, "height": height, "maxBitrateKbps": kbps, "maxFramerate": 10}
        for width, height, kbps in ((240, 135, 100), (480, 270, 250), (960, 540, 600))
    ],
}


@pytest.fixture
def pages(server, browser):
    """Makes pages, and closes them."""
    made = []

    def make():
        made.append(blank(browser, server))
        return made[-1]

    yield make
    for page in made:
        page.context.close()


@pytest.fixture
def studio(client):
    with Studio(client) as studio:
        yield studio


def guest(page, stage, name, *capabilities, attributes=None, **wish) -> Guest:
    token = stage.token(*capabilities, userId=name, attributes=attributes or {})
    made = Guest(page, name, token["token"], **wish)
    assert made.refusal is None, made.refusal
    made.id = token["participantId"]
    return made


def test_two_see_and_hear_each_other_and_leave_with_events(stage, pages):
    ana = guest(pages(), stage, "ana", publish=SMALL)
    ben = guest(pages(), stage, "ben", publish=SMALL)
    ben.sees("ana", more=30)
    ana.sees("ben", more=30)
    assert ana.states() == ["connecting", "connected"]
    ana.wait_told("stageParticipantPublishStateChanged", "ana", "published")
    local = ana.told("stageParticipantJoined", "stageParticipantPublishStateChanged", "stageParticipantStreamsAdded")
    assert [each for each in local if each[1] == "ana"] == [
        ["stageParticipantJoined", "ana"],
        ["stageParticipantStreamsAdded", "ana", ["audio", "video"]],
        ["stageParticipantPublishStateChanged", "ana", "attempting_publish"],
        ["stageParticipantPublishStateChanged", "ana", "published"],
    ]
    ben.wait_told("stageParticipantSubscribeStateChanged", "ana", "subscribed")
    speaks = "({ last }) => last.stageActiveSpeakersChanged?.[0].map(({ participant }) => participant.userId)"
    until("ana is heard speaking", lambda: "ana" in (ben.call(speaks) or []))

    before = len(ana.told())
    ana.leave()
    # All is told when `leave` returns.
    last = ana.told()[before:]
    assert ["stageParticipantStreamsRemoved", "ben", ["audio", "video"]] in last
    assert ["stageParticipantLeft", "ben"] in last
    assert [each for each in last if each[0] in ("stageLeft", "stageConnectionStateChanged")] == [
        ["stageLeft", "user-initiated"], ["stageConnectionStateChanged", "disconnected"],
    ]
    ben.wait_told("stageParticipantStreamsRemoved", "ana", ["audio", "video"])
    ben.wait_told("stageParticipantPublishStateChanged", "ana", "not_published")
    ben.wait_told("stageParticipantLeft", "ana")
    until("ana has left", lambda: sorted(stage.names(ana.id)) == sorted([
        "JOINED", "PUBLISH_STARTED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "PUBLISH_STOPPED", "LEFT"]))
    # The same stage object joins again.
    assert ana.call("({ stage }) => stage.join().then(() => null, String)") is None
    ana.sees("ben", more=10)
    assert not ana.told("error") and not ben.told("error")
    until("the server knows the library", lambda: stage.participant(ben.id).get("sdkVersion") == ben.call("({ library }) => library.__version"))


def test_mute_is_told_and_keeps_what_is_published(stage, pages):
    ana = guest(pages(), stage, "ana", publish=SMALL)
    ben = guest(pages(), stage, "ben", "SUBSCRIBE")
    seen = ben.sees("ana")
    for kind in ("video", "audio"):
        ana.call("(guest, kind) => guest.local().find(({ streamType }) => streamType === kind).setMuted(true)", kind)
        ana.wait_told("stageStreamMuteChanged", "ana", kind)
        ben.wait_told("stageStreamMuteChanged", "ana", kind)
        until("it is muted there", lambda: ben.received()["ana"][kind]["isMuted"])
    info = "(guest) => { const { audioMuted, videoStopped, isPublishing } = guest.stream('ana', 'video').participantInfo; return [audioMuted, videoStopped, isPublishing]; }"
    assert ben.call(info) == [True, True, True]
    for kind in ("video", "audio"):
        ana.call("(guest, kind) => guest.local().find(({ streamType }) => streamType === kind).setMuted(false)", kind)
    until("nothing is muted", lambda: ben.call(info) == [False, False, True])
    assert len(ben.told("stageStreamMuteChanged")) == 4
    ben.sees("ana", after=seen)
    assert stage.names(ana.id) == ["JOINED", "PUBLISH_STARTED"], "to mute is not to unpublish"


def test_layers_are_told_and_the_one_preferred_comes(stage, pages):
    ana = guest(pages(), stage, "ana", publish={"video": {"simulcast": LAYERS}, "size": WIDE})
    ben = guest(pages(), stage, "ben", "SUBSCRIBE")
    layers = "(guest) => guest.stream('ana', 'video')?.getLayers().map(({ label, width }) => [label, width])"
    until("three layers", lambda: ben.call(layers) == [["low", 240], ["mid", 480], ["hi", 960]], 40)
    assert ben.call("(guest) => guest.stream('ana', 'video').isAdapting")
    ben.sees("ana", width=960)
    for label, width in (("low", 240), ("mid", 480), ("hi", 960)):
        ben.change(prefer=label)
        ben.wait_told("stageStreamLayerSelected", "ana", "video", label, "selected")
        ben.sees("ana", width=width, more=0)
    assert ["stageStreamAdaptionChanged", "ana", "video", False] in ben.told("stageStreamAdaptionChanged")
    # One that is not there is not to be had, and the next best comes.
    ben.change(prefer="none")
    until("it is told", lambda: ben.told("stageStreamLayerSelected")[-1][-1] == "unavailable")
    ben.change(prefer=None)
    ben.wait_told("stageStreamAdaptionChanged", "ana", "video", True)
    assert {each["rid"] for each in ana.call("(guest) => guest.local()[1].requestQualityStats()")} == {"low", "mid", "hi"}
    # Audio alone leaves the sound where it was.
    ben.change(subscribe="audio_only")
    ben.wait_told("stageParticipantStreamsRemoved", "ana", ["video"])
    before = ben.received()["ana"]["audio"]["packetsReceived"]
    until("sound goes on", lambda: ben.received()["ana"]["audio"]["packetsReceived"] > before + 20)


def test_messages_go_with_the_pictures(stage, pages):
    messages = {"inBandMessaging": {"enabled": True}}
    ana = guest(pages(), stage, "ana", publish={"video": {**SMALL["video"], **messages}})
    ben = guest(pages(), stage, "ben", "SUBSCRIBE", configuration=messages)
    seen = ben.sees("ana")
    texts = ["first", "\0\0\0\1\0\0\3 \0\0", "Ω" * 500]
    for text in texts:
        ana.call("(guest, text) => guest.local()[1].insertSeiMessage(new TextEncoder().encode(text).buffer, { repeatCount: 5 })", text)
        until("the message", lambda: text in [each[2]["text"] for each in ben.told("stageStreamSeiMessageReceived")])
    told = ben.told("stageStreamSeiMessageReceived")
    assert [each[2]["text"] for each in told] == texts, "each comes once"
    assert {each[2]["uuid"] for each in told} == {"9e504ea5-ee5a-4f02-949f-b033a3768da2"}
    refused = ana.call("(guest) => guest.local()[1].insertSeiMessage(new ArrayBuffer(1024)).then(() => null, String)")
    assert "1 to 1023 bytes" in refused
    ben.sees("ana", after=seen)


def test_a_publisher_of_vp8_is_seen_beside_one_of_h264(server, stage, pages):
    old, page = stage.token("PUBLISH", userId="old"), pages()
    camera = page.evaluate(
        "([url, token, options]) => publish('camera', url, token, options)",
        [f"{server.http}/whip", old["token"], {"width": 320, "height": 180, "kbps": 150, "codec": "video/VP8", "beside": "video/H264"}],
    )
    assert camera["status"] == 201, camera
    ana = guest(page, stage, "ana", publish=SMALL)
    ben = guest(pages(), stage, "ben", "SUBSCRIBE")
    seen = ben.sees("ana", "old")
    assert (seen["ana"]["video"]["mimeType"], seen["old"]["video"]["mimeType"]) == ("video/H264", "video/VP8")
    ana.leave()


def test_an_exchange_takes_and_gives_capabilities_and_names(stage, studio, pages):
    def token(*capabilities, user_id, seat):
        return studio.participant(stage, "ana", *capabilities, user_id=user_id, attributes={"seat": seat})

    first = token("publish", "subscribe", user_id="ana", seat="1")
    ana = Guest(pages(), "ana", first, publish=SMALL)
    assert ana.refusal is None
    ben = guest(pages(), stage, "ben", publish=SMALL)
    ben.sees("ana")
    ana.sees("ben")

    def exchange(text):
        return ana.call("({ stage }, token) => stage.exchangeToken(token).then(() => null, ({ code }) => code)", text)

    # To subscribe-only: the publication ends at once, and others see it go.
    second = token("subscribe", user_id="ana", seat="2")
    assert exchange(second) is None
    ana.wait_told("stageParticipantPublishStateChanged", "ana", "not_published")
    ben.wait_told("stageParticipantLeft", "ana")
    seen = ana.sees("ben")
    ana.wait_told("stageParticipantMetadataChanged", "ana")
    # And back, under another name: the strategy still wants to publish.
    third = token("publish", "subscribe", user_id="anna", seat="3")
    assert exchange(third) is None
    ben.sees("anna")
    ana.sees("ben", after=seen)
    # A publisher's new attributes come to those who watch.
    assert exchange(token("publish", "subscribe", user_id="anna", seat="4")) is None
    ben.wait_told("stageParticipantMetadataChanged", "anna")
    assert ben.call("(guest) => guest.stream('anna', 'video').participantInfo.attributes") == {"seat": "4"}
    # To publish-only: the feed ends, the publication goes on.
    assert exchange(token("publish", user_id="anna", seat="4")) is None
    ana.wait_told("stageParticipantStreamsRemoved", "ben", ["audio", "video"])
    ben.sees("anna", after=ben.received())
    assert exchange(token("publish", "subscribe", user_id="anna", seat="4")) is None
    ana.sees("ben")
    # Another participant's token is refused here, before anything is sent.
    assert exchange(studio.participant(stage, "eve", "publish")) == 11
    assert ana.states() == ["connecting", "connected"]
    assert not ana.told("stageLeft") and not ana.told("error")
    exchanges = [event for event in stage.events("ana") if event["name"] == "TOKEN_EXCHANGED"]
    assert len(exchanges) == 5
    assert exchanges[0]["previousToken"]["attributes"] == {"seat": "1"}
    assert exchanges[0]["newToken"]["capabilities"] == ["SUBSCRIBE"]


def test_a_refused_exchange_ends_the_stage(stage, studio, client, pages):
    ana = Guest(pages(), "ana", studio.participant(stage, "ana", user_id="ana"), publish=SMALL)
    with Studio(client) as other:
        forged = other.participant(stage, "ana")
    code = ana.call("({ stage }, token) => stage.exchangeToken(token).then(() => null, ({ code }) => code)", forged)
    assert code == 12
    ana.wait_told("stageLeft", "failed-exchange")
    assert ana.states()[-1] == "disconnected"
    assert [each[1]["code"] for each in ana.told("error")] == [12]
    until("ana has left", lambda: "LEFT" in stage.names("ana"))


def test_who_is_disconnected_by_the_api_is_told_and_cannot_come_back(stage, pages):
    ana = guest(pages(), stage, "ana", publish=SMALL)
    ben = guest(pages(), stage, "ben", "SUBSCRIBE")
    ben.sees("ana")
    stage.client.disconnect_participant(stageArn=stage.arn, participantId=ana.id, reason="bye")
    ana.wait_told("stageLeft", "participant-disconnected")
    assert ana.states() == ["connecting", "connected", "disconnected"]
    ben.wait_told("stageParticipantLeft", "ana")
    again = ana.call("({ stage }) => stage.join().then(() => null, ({ code }) => code)")
    assert again == 10
    assert ana.states()[-1] == "errored"


def test_a_deleted_stage_is_left_by_everybody(client, pages):
    stage = Stage(client)
    everybody = [guest(pages(), stage, name, publish=SMALL) for name in ("ana", "ben")]
    everybody[1].sees("ana")
    client.delete_stage(arn=stage.arn)
    for each in everybody:
        each.wait_told("stageLeft", "stage-deleted")
        assert each.states() == ["connecting", "connected", "disconnected"]
    assert everybody[0].call("({ stage }) => stage.join().then(() => null, ({ code }) => code)") == 9


def test_a_token_that_is_used_again_ends_the_first_use(stage, pages):
    token = stage.token(userId="ana")["token"]
    first = Guest(pages(), "first", token, publish=SMALL)
    first.wait_told("stageParticipantPublishStateChanged", "ana", "published")
    second = Guest(pages(), "second", token, publish=SMALL)
    first.wait_told("stageLeft", "token-reused")
    second.wait_told("stageParticipantPublishStateChanged", "ana", "published")
    viewer = guest(pages(), stage, "ben", "SUBSCRIBE")
    viewer.sees("ana")
    assert second.states() == ["connecting", "connected"]


def test_two_stages_on_one_page_share_a_screen_beside_a_camera(stage, pages):
    page = pages()
    camera = guest(page, stage, "camera", attributes={"participantGroup": "user"}, publish=SMALL, groups=["user"])
    screen = guest(
        page, stage, "screen", attributes={"participantGroup": "display"}, groups=["none"],
        publish={"video": SMALL["video"], "audio": None, "size": {"width": 320, "height": 180, "frameRate": 5}},
    )
    ben = guest(pages(), stage, "ben", attributes={"participantGroup": "user"}, publish=SMALL)
    ben.sees("camera")
    until("the screen", lambda: ben.received().get("screen", {}).get("video", {}).get("framesDecoded", 0) > 5)
    assert ben.received()["screen"].get("audio", {"isMuted": True})["isMuted"], "no sound is published, and none comes"
    camera.sees("ben")
    assert set(camera.received()) == {"ben"} and screen.received() == {}
    assert ["stageParticipantJoined", "screen"] in camera.told(), "who is not wanted is told of all the same"
    screen.leave()
    ben.wait_told("stageParticipantLeft", "screen")
    ben.sees("camera", after=ben.received())


def test_several_stages_over_one_connection(client, stage, studio, pages):
    other = Stage(client)
    page = pages()
    page.evaluate(
        """async (token) => {
            const { RealTimeConnection } = await loaded();
            window.shared = new RealTimeConnection(token);
            window.sharedStates = [];
            shared.on('stateChanged', (state) => sharedStates.push(state));
        }""",
        studio.connection("line-1", events_url=stage.stage["endpoints"]["events"]),
    )
    ana = Guest(page, "ana", studio.participant(stage, "ana", user_id="ana"), shared="shared", publish=SMALL)
    anna = Guest(page, "anna", studio.participant(other, "anna", user_id="anna"), shared="shared", publish=SMALL)
    assert (ana.refusal, anna.refusal) == (None, None)
    ben, bea = guest(pages(), stage, "ben", publish=SMALL), guest(pages(), other, "bea", publish=SMALL)
    for one, name in ((ana, "ben"), (anna, "bea"), (ben, "ana"), (bea, "anna")):
        one.sees(name)
    anna.leave()
    bea.wait_told("stageParticipantLeft", "anna")
    ana.sees("ben", after=ana.received())
    page.evaluate("() => shared.disconnect()")
    ana.wait_told("stageLeft", "real-time-connection-forced-leave")
    ben.wait_told("stageParticipantLeft", "ana")
    assert page.evaluate("() => sharedStates") == ["connecting", "connected", "disconnected"]
    # The next join connects it again, until its token is revoked.
    for each in (ana, anna):
        assert each.call("({ stage }) => stage.join().then(() => null, String)") is None
    ben.sees("ana", after=ben.received())
    client.revoke_connection_token(tokenId="line-1")
    for each in (ana, anna):
        each.wait_told("stageLeft", "real-time-connection-token-revocation")
    bea.wait_told("stageParticipantLeft", "anna")
    client.delete_stage(arn=other.arn)


def test_twelve_publish_and_four_watch_them_all(stage, pages):
    page = pages()
    names = [f"p{number}" for number in range(12)]
    publishers = [guest(page, stage, name, "PUBLISH", publish=SMALL) for name in names]
    for each in publishers:
        each.wait_told("stageParticipantPublishStateChanged", each.name, "published")
    hall = pages()
    viewers = [guest(hall, stage, f"viewer{number}", "SUBSCRIBE") for number in range(4)]
    before = [each.sees(*names, more=5, seconds=60) for each in viewers]
    gone = publishers.pop()
    gone.leave()
    for viewer, seen in zip(viewers, before):
        found = viewer.sees(*names[:-1], after=seen, more=20, seconds=60)
        viewer.wait_told("stageParticipantLeft", gone.name)
        lost = sum(found[name][kind]["packetsLost"] for name in names[:-1] for kind in ("audio", "video"))
        freezes = sum(found[name]["video"]["freezeCount"] for name in names[:-1])
        print(f"\n{viewer.name}: {freezes} freezes, {lost} packets lost", end="")
        assert not viewer.told("error")


def test_the_script_file_puts_the_library_where_its_tag_says(server, browser, stage):
    page = browser.page(server.http)
    page.evaluate("""() => new Promise((done, failed) => {
        const script = Object.assign(document.createElement('script'), { src: '/client/downstage-client.global.js', onload: done, onerror: failed });
        script.dataset.global = 'IVSBroadcastClient';
        document.head.append(script);
    })""")
    token = stage.token()["token"]
    joined = page.evaluate("""async (token) => {
        const { Stage, SubscribeType } = IVSBroadcastClient;
        const stage = new Stage(token, {
            stageStreamsToPublish: () => [], shouldPublishParticipant: () => false, shouldSubscribeToParticipant: () => SubscribeType.NONE });
        await stage.join();
        stage.leave();
        return typeof Downstage;
    }""", token)
    assert joined == "undefined", "the name of the tag is the only one"


def test_what_is_no_good_token_is_refused_in_the_codes_of_the_api(server, stage, studio, pages):
    page = pages()
    malformed = page.evaluate("""async () => {
        const { Stage } = await loaded();
        try { new Stage('a.b', {}); } catch ({ code, category, name }) { return [code, category, name]; }
    }""")
    assert malformed == [1, "JOIN_ERROR", "StageError"]
    late = Guest(page, "late", studio.participant(stage, "ana", iat=1_700_000_000, exp=1_700_000_060))
    assert late.refusal["code"] == 2
    assert late.states() == ["errored"]
