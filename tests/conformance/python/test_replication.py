"""Participants of one stage that appear on another: the control API on both sides, publishers by FFmpeg and aiortc, viewers by aiortc."""

import json
import subprocess
import sys
import time
import urllib.error
from datetime import timedelta
from pathlib import Path

import pytest

from downstage import Stage, until
from ffmpeg import Publisher
from ingest import Ingest
from rtmp import Ffmpeg, aac, h264
from studio import Studio
from test_exchange import events_url, join
from webrtc import Loop
from websocket import WebSocket

AWS = str(Path(sys.executable).parent / "aws")
LIVE = ("JOINED", "PUBLISH_STARTED")
OVER = ("PUBLISH_STOPPED", "LEFT")


@pytest.fixture
def stages(client):
    """Makes stages that go with the test."""
    made = []

    def make(**arguments) -> Stage:
        made.append(Stage(client, **arguments))
        return made[-1]

    yield make
    for stage in made:
        try:
            client.delete_stage(arn=stage.arn)
        except client.exceptions.ResourceNotFoundException:
            pass


def between(source, destination, participant: str) -> dict:
    """The key of a replication."""
    return {"sourceStageArn": source.arn, "destinationStageArn": destination.arn, "participantId": participant}


def start(source, destination, participant: str, **arguments) -> dict:
    return source.client.start_participant_replication(**between(source, destination, participant), **arguments)


def stop(source, destination, participant: str) -> dict:
    return source.client.stop_participant_replication(**between(source, destination, participant))


def replicas(source, participant: str) -> dict[str, str]:
    """The state of each by its destination, by botocore's own paginator."""
    pages = source.client.get_paginator("list_participant_replicas").paginate(
        sourceStageArn=source.arn, participantId=participant, PaginationConfig={"PageSize": 2}
    )
    return {each["destinationStageArn"]: each["replicationState"] for page in pages for each in page["replicas"]}


def refused(status: int, exception: str, operation, **arguments) -> str:
    """The message of the exception with which a call ends."""
    client = operation.__self__
    with pytest.raises(getattr(client.exceptions, exception)) as error:
        operation(**arguments)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    return error.value.response["exceptionMessage"]


def says(stage, participant: str) -> dict:
    """What the participant's record on a stage says of replication, the same by Get and by List."""
    names = ("replicationType", "replicationState", "sourceStageArn", "sourceSessionId")
    got = stage.participant(participant)
    listed = stage.client.list_participants(stageArn=stage.arn, sessionId=stage.session())["participants"]
    (summary,) = [each for each in listed if each["participantId"] == participant]
    shown = [{name: each[name] for name in names if name in each} for each in (got, summary)]
    assert shown[0] == shown[1]
    assert (got["state"], got["userId"], got["published"]) == (summary["state"], summary["userId"], summary["published"])
    return shown[0]


def as_source(state: str) -> dict:
    return {"replicationType": "SOURCE", "replicationState": state, "sourceStageArn": "", "sourceSessionId": ""}


def as_replica(source, session: str, state: str) -> dict:
    return {"replicationType": "REPLICA", "replicationState": state, "sourceStageArn": source.arn, "sourceSessionId": session}


def about(destination, session: str, name: str, participant: str) -> dict:
    return {
        "name": name, "participantId": participant, "replica": False,
        "destinationStageArn": destination.arn, "destinationSessionId": session,
    }


def without_time(event: dict) -> dict:
    return {name: value for name, value in event.items() if name != "eventTime"}


def test_a_host_of_one_stage_is_seen_on_another(server, stages):
    red, blue = stages(), stages()
    host = red.token("PUBLISH", userId="ana", attributes={"role": "host", "team": "red"})
    ana, viewer = host["participantId"], blue.token("SUBSCRIBE")
    with Loop() as loop, Publisher(f"{server.http}/whip", host["token"], size="320x180", rate=20, video_kbps=200):
        red.wait_for(ana, *LIVE)
        assert says(red, ana) == {"replicationType": "NONE"}
        reply = start(red, blue, ana, attributes={"role": "guest", "seat": "2"})
        assert (reply["accessControlAllowOrigin"], reply["xFrameOptions"]) == ("*", "DENY")
        assert set(reply) - {"ResponseMetadata"} == {
            "accessControlAllowOrigin", "accessControlExposeHeaders", "cacheControl", "contentSecurityPolicy",
            "strictTransportSecurity", "xContentTypeOptions", "xFrameOptions",
        }
        # What the answer says is stored when it is there.
        here, there = red.session(), blue.session()
        assert here != there
        assert says(red, ana) == as_source("ACTIVE")
        assert says(blue, ana) == as_replica(red, here, "ACTIVE")
        (listed,) = red.client.list_participant_replicas(sourceStageArn=red.arn, participantId=ana)["replicas"]
        assert listed == {
            **between(red, blue, ana), "sourceSessionId": here, "destinationSessionId": there, "replicationState": "ACTIVE",
        }
        shown = blue.participant(ana)
        assert (shown["userId"], shown["protocol"], shown["state"]) == ("ana", "WHIP", "CONNECTED")
        assert shown["attributes"] == {"role": "guest", "team": "red", "seat": "2"}
        assert red.participant(ana)["attributes"] == {"role": "host", "team": "red"}

        peer = loop.watch(f"{server.http}/whip/subscribe/{ana}", viewer["token"])
        until("the viewer of the replica has pictures", lambda: peer.pictures > 20)
        assert peer.size == (320, 180)
        ben = viewer["participantId"]
        blue.wait_for(ben, "JOINED", "SUBSCRIBE_STARTED")

        assert stop(red, blue, ana)["cacheControl"] == "no-store, no-cache"
        blue.wait_for(ben, "JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT")
        assert says(red, ana) == as_source("STOPPED")
        assert says(blue, ana) == as_replica(red, here, "STOPPED")
        assert replicas(red, ana) == {blue.arn: "STOPPED"}
        assert red.participant(ana)["state"] == "CONNECTED"
        assert blue.participant(ana)["state"] == "DISCONNECTED"
        assert [without_time(event) for event in red.events(ana)][2:] == [
            about(blue, there, "REPLICATION_STARTED", ana), about(blue, there, "REPLICATION_STOPPED", ana),
        ]
        assert [(event["name"], event["replica"]) for event in blue.events(ana)] == [(name, True) for name in LIVE + OVER]
        assert [(event["name"], event.get("remoteParticipantId"), event["replica"]) for event in blue.events(ben)] == [
            ("JOINED", None, False), ("SUBSCRIBE_STARTED", ana, True), ("SUBSCRIBE_STOPPED", ana, True), ("LEFT", None, False),
        ]
        # Once more is fine, and begins in the same sessions.
        stop(red, blue, ana)
        start(red, blue, ana)
        assert (red.session(), blue.session()) == (here, there)
        assert replicas(red, ana) == {blue.arn: "ACTIVE"}
    # Without a window it ends with the publish.
    until("the replication is over", lambda: replicas(red, ana) == {blue.arn: "STOPPED"})
    blue.wait_for(ana, *(LIVE + OVER) * 2)


def test_two_stages_show_each_other_their_hosts(server, stages):
    sides = [stages(name="red"), stages(name="blue")]
    hosts = [side.token("PUBLISH", userId=side.stage["name"]) for side in sides]
    ids = [host["participantId"] for host in hosts]
    with Loop() as loop:
        for side, host in zip(sides, hosts):
            loop.publish(f"{server.http}/whip", host["token"])
            side.wait_for(host["participantId"], *LIVE)
        for (one, other), who in zip((sides, sides[::-1]), ids):
            start(one, other, who)
        peers = []
        for side in sides:
            for who in ids:
                peers.append(loop.watch(f"{server.http}/whip/subscribe/{who}", side.token("SUBSCRIBE")["token"]))
        for peer in peers:
            until("each viewer sees each host", lambda: peer.pictures > 5)
        for side, own, other in zip(sides, ids, ids[::-1]):
            published = side.client.list_participants(stageArn=side.arn, sessionId=side.session(), filterByPublished=True)
            kinds = {each["participantId"]: each["replicationType"] for each in published["participants"]}
            assert kinds == {own: "SOURCE", other: "REPLICA"}
            with WebSocket(events_url(side), "stage.v1", side.token("SUBSCRIBE")["token"]) as socket:
                socket.say("join")
                told = socket.find("joined")["state"]["participants"]
                assert sorted(each["id"] for each in told) == sorted(ids)
        # A replica goes no further, and not back.
        message = refused(409, "ConflictException", sides[1].client.start_participant_replication, **between(sides[1], sides[0], ids[0]))
        assert "replica" in message
        # One way stops, the other goes on.
        stop(sides[0], sides[1], ids[0])
        assert replicas(sides[0], ids[0]) == {sides[1].arn: "STOPPED"}
        assert replicas(sides[1], ids[1]) == {sides[0].arn: "ACTIVE"}
        # By stage, then by host: what red shows of both, and what blue shows of its own.
        going = [peers[0], peers[1], peers[3]]
        before = [peer.pictures for peer in going]
        until("the others go on", lambda: all(peer.pictures > count + 10 for peer, count in zip(going, before)))


def test_a_source_that_comes_back_within_the_window_is_back_on_both_stages(server, stages):
    red, blue = stages(), stages()
    host = red.token("PUBLISH")
    ana = host["participantId"]
    whip = f"{server.http}/whip"
    with Publisher(whip, host["token"], size="160x120", rate=10, video_kbps=100):
        red.wait_for(ana, *LIVE)
        start(red, blue, ana, reconnectWindowSeconds=60)
        sessions = red.session(), blue.session()
    for stage, between_lives in ((red, ("REPLICATION_STARTED",)), (blue, ())):
        stage.wait_for(ana, *LIVE, *between_lives, *OVER, seconds=30)
        assert says(stage, ana)["replicationState"] == "ACTIVE"
        assert stage.participant(ana)["state"] == "DISCONNECTED"
    # Longer than the sessions last without anybody: a replication that awaits its source keeps them.
    time.sleep(6)
    assert replicas(red, ana) == {blue.arn: "ACTIVE"}
    viewer = blue.token("SUBSCRIBE")
    with Publisher(whip, host["token"], size="160x120", rate=10, video_kbps=100), Loop() as loop:
        red.wait_for(ana, *LIVE, "REPLICATION_STARTED", *OVER, *LIVE)
        blue.wait_for(ana, *LIVE, *OVER, *LIVE)
        peer = loop.watch(f"{whip}/subscribe/{ana}", viewer["token"])
        until("the viewer of the replica has pictures", lambda: peer.pictures > 5)
        assert (red.session(), blue.session()) == sessions
        stop(red, blue, ana)
    assert blue.names(ana) == [*LIVE, *OVER] * 2


def test_a_source_that_stays_away_for_its_window_is_replicated_no_more(server, stages):
    red, blue = stages(), stages()
    host = red.token("PUBLISH")
    ana = host["participantId"]
    with Loop() as loop:
        peer = loop.publish(f"{server.http}/whip", host["token"])
        red.wait_for(ana, *LIVE)
        start(red, blue, ana, reconnectWindowSeconds=2)
        loop.run(peer.connection.close())
        red.wait_for(ana, *LIVE, "REPLICATION_STARTED", *OVER, "REPLICATION_STOPPED", seconds=40)
        events = red.events(ana)
        away = events[-1]["eventTime"] - events[-2]["eventTime"]
        assert timedelta(seconds=1) <= away <= timedelta(seconds=5), away
        assert replicas(red, ana) == {blue.arn: "STOPPED"}
        blue.wait_for(ana, *LIVE, *OVER)
        assert says(blue, ana)["replicationState"] == "STOPPED"


def test_an_exchange_at_the_source_shows_at_the_destination(server, client, stages):
    red, blue = stages(), stages()
    with Studio(client) as studio, Loop() as loop:
        token = studio.participant(red, "ana", user_id="ana", attributes={"seat": "1", "role": "host"})
        viewer = join(blue, blue.token("SUBSCRIBE")["token"])
        with join(red, token) as ana, viewer as ben:
            loop.publish(f"{server.http}/whip", token)
            red.wait_for("ana", *LIVE)
            start(red, blue, "ana", attributes={"role": "guest"})
            told = ben.find("delta")["join"][0]
            assert (told["userId"], told["attributes"]) == ("ana", {"seat": "1", "role": "guest"})
            ana.say("exchange", token=studio.participant(red, "ana", user_id="star", attributes={"seat": "2", "role": "host"}))
            ana.find("exchanged")
            told = ben.find("delta")["update"][0]
            assert (told["userId"], told["attributes"]) == ("star", {"seat": "2", "role": "guest"})
            until("the record follows", lambda: blue.participant("ana")["userId"] == "star")
            assert blue.participant("ana")["attributes"] == {"seat": "2", "role": "guest"}
            assert red.participant("ana")["attributes"] == {"seat": "2", "role": "host"}
            ana.say("exchange", token=studio.participant(red, "ana", "subscribe"))
            assert ben.find("delta")["leave"] == ["ana"]
            until("the replication is over", lambda: replicas(red, "ana") == {blue.arn: "STOPPED"})


def test_who_is_disconnected_is_out_where_it_is_and_everywhere_if_that_is_its_own_stage(server, stages):
    red, blue, green = stages(), stages(), stages()
    host = red.token("PUBLISH")
    ana = host["participantId"]
    with Loop() as loop:
        loop.publish(f"{server.http}/whip", host["token"])
        red.wait_for(ana, *LIVE)
        for destination in (blue, green):
            start(red, destination, ana, reconnectWindowSeconds=300)
        red.client.disconnect_participant(stageArn=blue.arn, participantId=ana, reason="not here")
        blue.wait_for(ana, *LIVE, *OVER)
        until("one is over", lambda: replicas(red, ana) == {blue.arn: "STOPPED", green.arn: "ACTIVE"})
        again = refused(409, "ConflictException", red.client.start_participant_replication, **between(red, blue, ana))
        assert "disconnected" in again
        assert red.participant(ana)["state"] == green.participant(ana)["state"] == "CONNECTED"
        red.client.disconnect_participant(stageArn=red.arn, participantId=ana)
        until("all are over", lambda: replicas(red, ana) == {blue.arn: "STOPPED", green.arn: "STOPPED"})
        green.wait_for(ana, *LIVE, *OVER)


def test_a_deleted_stage_takes_its_replications_with_it(server, stages):
    red, blue, green = stages(), stages(), stages()
    host = red.token("PUBLISH")
    ana = host["participantId"]
    with Loop() as loop:
        loop.publish(f"{server.http}/whip", host["token"])
        red.wait_for(ana, *LIVE)
        for destination in (blue, green):
            start(red, destination, ana)
        red.client.delete_stage(arn=blue.arn)
        until("one is over", lambda: replicas(red, ana) == {blue.arn: "STOPPED", green.arn: "ACTIVE"})
        assert refused(404, "ResourceNotFoundException", red.client.stop_participant_replication, **between(red, blue, ana))
        red.client.delete_stage(arn=red.arn)
        green.wait_for(ana, *LIVE, *OVER)
        assert says(green, ana)["replicationState"] == "STOPPED"
        refused(400, "ValidationException", red.client.list_participant_replicas, sourceStageArn=red.arn, participantId=ana)


def test_what_cannot_be_is_refused_by_its_exception(server, stages):
    red, blue = stages(), stages()
    host, viewer = red.token("PUBLISH"), red.token("SUBSCRIBE")
    ana = host["participantId"]
    begin, end = red.client.start_participant_replication, red.client.stop_participant_replication
    key = between(red, blue, ana)
    absent = red.arn.rsplit("/", 1)[0] + "/ZZZZZZZZZZZZ"
    refused(404, "ResourceNotFoundException", begin, **key)
    refused(404, "ResourceNotFoundException", end, **key)
    with Loop() as loop, join(red, viewer["token"]):
        loop.publish(f"{server.http}/whip", host["token"])
        red.wait_for(ana, *LIVE)
        refused(400, "ValidationException", begin, **between(red, red, ana))
        refused(400, "ValidationException", begin, **key, reconnectWindowSeconds=301)
        refused(400, "ValidationException", begin, **key, attributes={"k": "v" * 1_024})
        refused(409, "ConflictException", begin, **between(red, blue, viewer["participantId"]))
        refused(404, "ResourceNotFoundException", begin, **between(red, blue, "nobody"))
        for member in ("sourceStageArn", "destinationStageArn"):
            for operation in (begin, end):
                refused(404, "ResourceNotFoundException", operation, **{**key, member: absent})
        refused(404, "ResourceNotFoundException", end, **key)
        refused(400, "ValidationException", red.client.list_participant_replicas, sourceStageArn=absent, participantId=ana)
        refused(400, "ValidationException", red.client.list_participant_replicas, sourceStageArn=red.arn, participantId=ana, maxResults=51)
        assert replicas(red, "nobody") == replicas(red, ana) == {}
        destinations = [blue] + [stages() for _ in range(5)]
        for destination in destinations[:5]:
            start(red, destination, ana)
        refused(409, "ConflictException", begin, **key)
        refused(402, "ServiceQuotaExceededException", begin, **between(red, destinations[5], ana))
        assert set(replicas(red, ana)) == {each.arn for each in destinations[:5]}
        stop(red, blue, ana)
        start(red, destinations[5], ana)


def test_t12_stages_of_another_region_are_not_there(server, client, stages):
    red, blue = stages(), stages()
    abroad = server.client(region="eu-west-1")
    own = Stage(abroad)
    host = red.token("PUBLISH")
    ana = host["participantId"]
    with Loop() as loop:
        loop.publish(f"{server.http}/whip", host["token"])
        red.wait_for(ana, *LIVE)
        start(red, blue, ana)

        def told(caller, operation, source, destination):
            arns = {"sourceStageArn": source, "destinationStageArn": destination, "participantId": ana}
            return refused(404, "ResourceNotFoundException", getattr(caller, operation), **arns)

        for operation in ("start_participant_replication", "stop_participant_replication"):
            for caller, mine, theirs in ((abroad, own.arn, red.arn), (client, red.arn, own.arn)):
                absent = mine.rsplit("/", 1)[0] + "/ZZZZZZZZZZZZ"
                assert told(caller, operation, theirs, mine) == told(caller, operation, absent, mine)
                assert told(caller, operation, mine, theirs) == told(caller, operation, mine, absent)
        refused(400, "ValidationException", abroad.list_participant_replicas, sourceStageArn=red.arn, participantId=ana)
    abroad.delete_stage(arn=own.arn)


def test_an_id_is_on_a_stage_as_itself_or_as_a_replica(server, client, stages):
    red, blue = stages(), stages()
    with Studio(client) as studio, Loop() as loop:
        loop.publish(f"{server.http}/whip", studio.participant(red, "ana"))
        red.wait_for("ana", *LIVE)
        with join(blue, studio.participant(blue, "ana")) as ana:
            message = refused(409, "ConflictException", client.start_participant_replication, **between(red, blue, "ana"))
            assert "same id" in message
            ana.say("leave")
            assert ana.find("left")["reason"] == "user-initiated"
        blue.wait_for("ana", "JOINED", "LEFT")
        start(red, blue, "ana")
        with WebSocket(events_url(blue), "stage.v1", studio.participant(blue, "ana")) as socket:
            socket.say("join")
            assert socket.hear()["type"] == "error"
        for whip in (loop.publish, loop.watch):
            with pytest.raises(urllib.error.HTTPError) as error:
                whip(f"{server.http}/whip" + ("/subscribe/other" if whip == loop.watch else ""), studio.participant(blue, "ana"))
            assert error.value.code == 409
        assert blue.names("ana") == ["JOINED", "LEFT", *LIVE]
        stop(red, blue, "ana")
        with join(blue, studio.participant(blue, "ana")):
            blue.wait_for("ana", "JOINED", "LEFT", *LIVE, *OVER, "JOINED")
            assert says(blue, "ana") == {"replicationType": "NONE"}


def test_an_encoder_is_replicated_as_any_publisher(server, stages):
    red, blue = stages(), stages()
    camera = Ingest(red, "RTMP", userId="camera", attributes={"role": "camera"})
    viewer = blue.token("SUBSCRIBE")
    with Ffmpeg(camera.url(), size="320x180", rate=20, video=h264(200, 20), audio=aac(64)), Loop() as loop:
        camera.wait_begun()
        start(red, blue, camera.participant, attributes={"seat": "3"})
        shown = blue.participant(camera.participant)
        assert (shown["protocol"], shown["userId"], shown["replicationType"]) == ("RTMP", "camera", "REPLICA")
        assert shown["attributes"] == {"role": "camera", "seat": "3"}
        peer = loop.watch(f"{server.http}/whip/subscribe/{camera.participant}", viewer["token"])
        until("the viewer of the replica has pictures", lambda: peer.pictures > 20)
        assert peer.size == (320, 180)
    until("the replication is over", lambda: replicas(red, camera.participant) == {blue.arn: "STOPPED"})
    blue.wait_for(camera.participant, *LIVE, *OVER)
    red.client.delete_ingest_configuration(arn=camera.arn, force=True)


def test_what_was_replicated_at_a_crash_is_over_at_the_next_start(own_server):
    server = own_server().start()
    red, blue = Stage(server.client()), Stage(server.client())
    host = red.token("PUBLISH")
    ana = host["participantId"]
    with Loop() as loop:
        loop.publish(f"{server.http}/whip", host["token"])
        red.wait_for(ana, *LIVE)
        start(red, blue, ana, reconnectWindowSeconds=300)
        here, there = red.session(), blue.session()
        server.kill()
    server.start()
    red.client = blue.client = server.client()
    assert (red.session(), blue.session()) == (here, there), "nothing began anew"
    for stage in (red, blue):
        assert "activeSessionId" not in red.client.get_stage(arn=stage.arn)["stage"]
    assert replicas(red, ana) == {blue.arn: "STOPPED"}
    assert says(red, ana) == as_source("STOPPED")
    assert says(blue, ana) == as_replica(red, here, "STOPPED")
    assert sorted(red.names(ana)) == sorted([*LIVE, "REPLICATION_STARTED", *OVER, "REPLICATION_STOPPED"])
    assert blue.names(ana) == [*LIVE, *OVER]
    # What the stages have forgotten the store has not.
    stop(red, blue, ana)
    assert server.stop() == 0


def test_the_cli_starts_lists_and_stops(server):
    environment = server.cli_environment()
    client = server.client(region=environment["AWS_REGION"])
    red, blue = Stage(client), Stage(client)
    host = red.token("PUBLISH")
    ana = host["participantId"]

    def aws(command: str, *arguments: str) -> subprocess.CompletedProcess:
        line = [AWS, "ivs-realtime", command, *arguments, "--output", "json"]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60)

    key = ("--source-stage-arn", red.arn, "--participant-id", ana)
    both = (*key, "--destination-stage-arn", blue.arn)
    with Loop() as loop:
        loop.publish(f"{server.http}/whip", host["token"])
        red.wait_for(ana, *LIVE)
        done = aws("start-participant-replication", *both, "--attributes", "seat=2", "--reconnect-window-seconds", "10")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["strictTransportSecurity"] == "max-age:47304000; includeSubDomains"
        again = aws("start-participant-replication", *both)
        assert again.returncode != 0 and "(ConflictException)" in again.stderr
        for state in ("ACTIVE", "STOPPED"):
            listed = json.loads(aws("list-participant-replicas", *key).stdout)["replicas"]
            assert [(each["destinationStageArn"], each["replicationState"]) for each in listed] == [(blue.arn, state)]
            assert aws("stop-participant-replication", *both).returncode == 0
    for stage in (red, blue):
        client.delete_stage(arn=stage.arn)
