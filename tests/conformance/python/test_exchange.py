"""Token exchange and connection tokens: tokens that a JOSE library has signed, over sockets of our own, told by the control API."""

import json
import time
import urllib.error
import urllib.request

import pytest

from downstage import Stage, until
from studio import Studio
from webrtc import Loop
from websocket import Closed, WebSocket

REVOCATION = "real-time-connection-token-revocation"


@pytest.fixture
def studio(client):
    with Studio(client) as studio:
        yield studio


@pytest.fixture
def second(client):
    stage = Stage(client)
    yield stage
    client.delete_stage(arn=stage.arn)


def events_url(stage) -> str:
    return f"{stage.stage['endpoints']['events']}/{stage.arn.rsplit('/', 1)[1]}"


def connection_url(stage) -> str:
    return f"{stage.stage['endpoints']['events']}/_connection"


def join(stage, token) -> WebSocket:
    """A socket that is in."""
    socket = WebSocket(events_url(stage), "stage.v1", token)
    socket.say("join")
    socket.find("joined")
    return socket


def test_a_publisher_becomes_a_viewer_and_a_publisher_again(server, stage, studio):
    host = studio.participant(stage, "ana", user_id="ana", attributes={"role": "host"})
    guest = studio.participant(stage, "ana", "subscribe", user_id="guest", exp=int(time.time()) + 7_200)
    viewer = stage.token("SUBSCRIBE")
    with Loop() as loop, join(stage, host) as ana, join(stage, viewer["token"]) as ben:
        peer = loop.publish(f"{server.http}/whip", host)
        stage.wait_for("ana", "JOINED", "PUBLISH_STARTED")
        assert ben.find("delta")["join"][0]["userId"] == "ana"

        ana.say("exchange", token=guest)
        told = ana.find("exchanged")["self"]
        assert told == {"id": "ana", "userId": "guest", "attributes": {}, "capabilities": ["subscribe"]}
        assert ben.find("delta")["leave"] == ["ana"]
        stage.wait_for("ana", "JOINED", "PUBLISH_STARTED", "TOKEN_EXCHANGED", "PUBLISH_STOPPED")
        until("the publisher's connection is closed", lambda: peer.state in ("closed", "failed", "disconnected"), 40)
        assert stage.participant("ana")["userId"] == "guest"
        with pytest.raises(urllib.error.HTTPError) as refused:
            loop.publish(f"{server.http}/whip", host)
        assert refused.value.code == 403
        assert json.loads(refused.value.read())["code"] == "INSUFFICIENT_CAPABILITIES"

        ana.say("exchange", token=host)
        assert ana.find("exchanged")["self"]["capabilities"] == ["publish", "subscribe"]
        loop.publish(f"{server.http}/whip", host)
        assert ben.find("delta")["join"][0]["attributes"] == {"role": "host"}
        names = [
            "JOINED", "PUBLISH_STARTED", "TOKEN_EXCHANGED", "PUBLISH_STOPPED",
            "PUBLISH_ERROR(INSUFFICIENT_CAPABILITIES)", "TOKEN_EXCHANGED", "PUBLISH_STARTED",
        ]
        stage.wait_for("ana", *names)
        ana.say("ping")
        ana.find("pong")


def test_the_control_api_tells_both_tokens_and_finds_the_new_user(stage, studio, client):
    ends = int(time.time()) + 7_200
    with join(stage, studio.participant(stage, "ana", user_id="ana", attributes={"seat": "1"})) as ana:
        ana.say("exchange", token=studio.participant(stage, "ana", "publish", user_id="host", attributes={"seat": "2"}, exp=ends))
        ana.find("exchanged")
        stage.wait_for("ana", "JOINED", "TOKEN_EXCHANGED")
        event = stage.events("ana")[-1]
        assert event["previousToken"] | {"expirationTime": None} == {
            "capabilities": ["PUBLISH", "SUBSCRIBE"], "userId": "ana", "attributes": {"seat": "1"}, "expirationTime": None,
        }
        new = event["newToken"]
        assert new.pop("expirationTime").timestamp() == ends
        assert new == {"capabilities": ["PUBLISH"], "userId": "host", "attributes": {"seat": "2"}}
        session = stage.session()
        found = client.list_participants(stageArn=stage.arn, sessionId=session, filterByUserId="host")["participants"]
        assert [each["participantId"] for each in found] == ["ana"]
        assert client.list_participants(stageArn=stage.arn, sessionId=session, filterByUserId="ana")["participants"] == []
        shown = stage.participant("ana")
        assert (shown["userId"], shown["attributes"], shown["state"]) == ("host", {"seat": "2"}, "CONNECTED")


def test_peers_hear_at_once_who_a_publisher_is(server, stage, studio):
    viewer = stage.token("SUBSCRIBE")
    token = studio.participant(stage, "ana", user_id="ana")
    with Loop() as loop, join(stage, token) as ana, join(stage, viewer["token"]) as ben:
        with WebSocket(events_url(stage), stage.token("SUBSCRIBE")["token"]) as cat:
            loop.publish(f"{server.http}/whip", token)
            ben.find("delta")
            while not cat.find("STAGE_STATE")["payload"]["participants"]:
                pass
            ana.say("exchange", token=studio.participant(stage, "ana", user_id="host"))
            delta = ben.find("delta")
            assert (delta["leave"], delta["join"]) == ([], [])
            assert delta["update"] == [
                {"id": "ana", "userId": "host", "attributes": {}, "audioMuted": False, "videoStopped": False}
            ]
            assert cat.find("STAGE_STATE")["payload"]["participants"][0]["userId"] == "host"
        stage.wait_for("ana", "JOINED", "PUBLISH_STARTED", "TOKEN_EXCHANGED")


REFUSED = {
    "another participant": lambda studio, stage, second: studio.participant(stage, "eve"),
    "another stage": lambda studio, stage, second: studio.participant(second, "ana"),
    "another whip_url": lambda studio, stage, second: studio.participant(stage, "ana", whip_url="https://elsewhere.test/whip"),
    "another events_url": lambda studio, stage, second: studio.participant(stage, "ana", events_url="wss://elsewhere.test/events"),
    "ended": lambda studio, stage, second: studio.participant(stage, "ana", iat=1_772_366_400, exp=1_772_370_000),
    "too long a life": lambda studio, stage, second: studio.participant(stage, "ana", exp=int(time.time()) + 15 * 86_400),
    "a connection token": lambda studio, stage, second: studio.connection(),
    "of the service": lambda studio, stage, second: stage.token()["token"],
    "a bad signature": lambda studio, stage, second: studio.participant(stage, "ana")[:-8] + "AAAAAAAA",
    "no token": lambda studio, stage, second: "nonsense",
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_token_costs_the_place_on_the_stage(stage, second, studio, token):
    with join(stage, studio.participant(stage, "ana")) as ana:
        wrong = token(studio, stage, second)
        ana.say("exchange", token=wrong)
        error = ana.find("error")
        assert (error["code"], error["category"]) == ("TOKEN_EXCHANGE_FAILED", "JOIN_ERROR")
        assert wrong not in error["message"]
        assert ana.hear()["reason"] == "failed-exchange"
        with pytest.raises(Closed) as closed:
            ana.hear()
        assert (closed.value.code, closed.value.reason) == (1008, "failed-exchange")
    stage.wait_for("ana", "JOINED", "LEFT")
    # It may come back: nothing has been taken from it but its place.
    with join(stage, studio.participant(stage, "ana")):
        stage.wait_for("ana", "JOINED", "LEFT", "JOINED")


def test_tokens_of_the_service_are_not_exchanged(stage, studio):
    token = stage.token()
    with join(stage, token["token"]) as ana:
        ana.say("exchange", token=studio.participant(stage, token["participantId"]))
        assert ana.find("error")["code"] == "TOKEN_EXCHANGE_FAILED"
        assert ana.hear()["reason"] == "failed-exchange"
    stage.wait_for(token["participantId"], "JOINED", "LEFT")


def test_the_end_of_the_older_token_does_not_matter_and_its_key_neither(stage, studio, client):
    # Long enough for a busy machine to join by it.
    ends = int(time.time()) + 6
    token = studio.participant(stage, "ana", exp=ends)
    with join(stage, token) as ana, Studio(client) as other:
        until("the token has ended", lambda: time.time() > ends)
        client.delete_public_key(arn=studio.arn)
        ana.say("exchange", token=other.participant(stage, "ana", user_id="host"))
        assert ana.find("exchanged")["self"]["userId"] == "host"


def test_a_banned_participant_is_out_whatever_it_exchanges(stage, studio, client):
    with join(stage, studio.participant(stage, "ana")) as ana:
        # An id that a customer has made up is known from its first join on.
        stage.wait_for("ana", "JOINED")
        client.disconnect_participant(stageArn=stage.arn, participantId="ana")
        ana.say("exchange", token=studio.participant(stage, "ana"))
        assert ana.find("left")["reason"] == "participant-disconnected"
    with WebSocket(events_url(stage), "stage.v1", studio.participant(stage, "ana")) as again:
        again.say("join")
        assert again.hear()["code"] == "PARTICIPANT_DISCONNECTED"


def test_two_stages_come_over_one_connection(server, stage, second, studio):
    with Loop() as loop, WebSocket(connection_url(stage), "stage.v1", studio.connection()) as socket:
        assert socket.headers["sec-websocket-protocol"] == "stage.v1"
        socket.say("ping")
        assert socket.hear() == {"type": "pong"}
        for each in (stage, second):
            assert each.client.list_stage_sessions(stageArn=each.arn)["stageSessions"] == [], "a connection is nobody"
        socket.say("join", on="main", token=studio.participant(stage, "ana"))
        first = socket.find("joined", on="main")
        socket.say("join", on="side", token=second.token("SUBSCRIBE")["token"])
        other = socket.find("joined", on="side")
        assert (first["seq"], other["seq"]) == (1, 1)
        assert first["state"]["stageId"] == stage.arn.rsplit("/", 1)[1]
        stage.wait_for("ana", "JOINED")

        loop.publish(f"{server.http}/whip", second.token("PUBLISH", userId="cam")["token"])
        assert socket.find("delta", on="side")["join"][0]["userId"] == "cam"
        # An exchange is one of its channel.
        socket.say("exchange", on="main", token=studio.participant(stage, "ana", user_id="host"))
        assert socket.find("exchanged", on="main")["self"]["userId"] == "host"
        socket.say("leave", on="main")
        assert socket.find("left", on="main")["reason"] == "user-initiated"
        stage.wait_for("ana", "JOINED", "TOKEN_EXCHANGED", "LEFT")
        socket.say("ping", on="side")
        socket.find("pong", on="side")


def test_a_connection_needs_its_own_kind_of_token(stage, studio):
    for token in (studio.participant(stage, "ana"), stage.token()["token"], studio.connection(exp=int(time.time()) - 5, iat=int(time.time()) - 50)):
        with pytest.raises(Closed) as closed:
            WebSocket(connection_url(stage), "stage.v1", token)
        assert closed.value.code == 401
    with pytest.raises(Closed) as closed:
        WebSocket(events_url(stage), "stage.v1", studio.connection())
    assert closed.value.code == 401


def test_a_revocation_ends_the_connection_and_a_deleted_key_does_not(server, stage, second, studio, client):
    token, other = studio.connection("first"), studio.connection("second")
    host = studio.participant(stage, "ana")
    with Loop() as loop, WebSocket(connection_url(stage), "stage.v1", token) as socket, WebSocket(
        connection_url(stage), "stage.v1", other
    ) as stays:
        socket.say("join", on="a", token=host)
        socket.find("joined", on="a")
        socket.say("join", on="b", token=studio.participant(second, "ben"))
        socket.find("joined", on="b")
        loop.publish(f"{server.http}/whip", host)
        stage.wait_for("ana", "JOINED", "PUBLISH_STARTED")

        client.revoke_connection_token(tokenId="first")
        reasons = []
        with pytest.raises(Closed) as closed:
            while True:
                message = socket.hear()
                if message["type"] == "left":
                    reasons.append((message["on"], message["reason"]))
                revoked = message["type"] == "revoked"
        assert revoked and sorted(reasons) == [("a", REVOCATION), ("b", REVOCATION)]
        assert (closed.value.code, closed.value.reason) == (1008, REVOCATION)
        stage.wait_for("ana", "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
        second.wait_for("ben", "JOINED", "LEFT")

        client.delete_public_key(arn=studio.arn)
        for refused in (token, other):
            with pytest.raises(Closed) as closed:
                WebSocket(connection_url(stage), "stage.v1", refused)
            assert closed.value.code == 401
        stays.say("ping")
        assert stays.hear() == {"type": "pong"}
        stays.say("join", on="a", token=stage.token()["token"])
        stays.find("joined", on="a")
