"""The events socket in the documented dialect, opened by a browser's own WebSocket."""

import pytest

from downstage import until
from ffmpeg import Publisher

OPEN = """
([name, url, token]) => new Promise((resolve) => {
  const socket = new WebSocket(url, token ? [token] : []);
  window[name] = { socket, frames: [], close: null };
  socket.onmessage = ({ data }) => window[name].frames.push(JSON.parse(data));
  socket.onopen = () => resolve(socket.protocol);
  socket.onclose = ({ code, reason }) => { window[name].close = { code, reason }; resolve(null); };
})
"""


def events_url(server, stage) -> str:
    return f"{stage.stage['endpoints']['events']}/{stage.arn.rsplit('/', 1)[1]}"


def frames(page, name="socket"):
    return page.evaluate("(name) => window[name].frames", name)


@pytest.fixture
def page(server, browser):
    page = browser.page(server.http)
    yield page
    page.context.close()


def test_connecting_is_joining_and_the_roster_follows_the_publishers(server, stage, page):
    viewer = stage.token(userId="ana")
    publisher = stage.token("PUBLISH", userId="cam", attributes={"seat": "1"})
    protocol = page.evaluate(OPEN, ["socket", events_url(server, stage), viewer["token"]])
    assert protocol == viewer["token"]
    stage.wait_for(viewer["participantId"], "JOINED")
    first = until("the first snapshot", lambda: frames(page))[0]
    stage_id = stage.arn.rsplit("/", 1)[1]
    assert first == {"type": "STAGE_STATE", "payload": {"stageId": stage_id, "participants": []}}
    page.evaluate("() => socket.socket.send(JSON.stringify({ type: 'PING' }))")
    until("a pong", lambda: {"type": "PONG"} in frames(page))
    with Publisher(f"{server.http}/whip", publisher["token"]):
        entry = {
            "id": publisher["participantId"], "userId": "cam", "attributes": {"seat": "1"}, "isPublishing": True,
        }
        until("the publisher appears", lambda: frames(page)[-1]["payload"]["participants"] == [entry] if frames(page)[-1]["type"] == "STAGE_STATE" else False)
    until("the publisher goes", lambda: frames(page)[-1].get("payload", {}).get("participants") == [])
    page.evaluate("() => socket.socket.close()")
    stage.wait_for(viewer["participantId"], "JOINED", "LEFT")


def test_a_second_socket_with_the_same_token_takes_over(server, stage, page):
    viewer = stage.token()
    url = events_url(server, stage)
    page.evaluate(OPEN, ["first", url, viewer["token"]])
    page.evaluate(OPEN, ["second", url, viewer["token"]])
    closed = until("the first socket is closed", lambda: page.evaluate("() => first.close"))
    assert closed["reason"] == "token-reused"
    stage.wait_for(viewer["participantId"], "JOINED", "LEFT", "JOINED")


def test_a_disconnected_participant_is_told_so(server, stage, page):
    viewer = stage.token()
    url = events_url(server, stage)
    page.evaluate(OPEN, ["socket", url, viewer["token"]])
    stage.client.disconnect_participant(stageArn=stage.arn, participantId=viewer["participantId"])
    closed = until("the socket is closed", lambda: page.evaluate("() => socket.close"))
    assert closed["reason"] == "participant-disconnected"
    page.evaluate(OPEN, ["again", url, viewer["token"]])
    until("the refusal", lambda: [frame for frame in frames(page, "again") if frame["type"] == "JOIN_ERROR"])
    stage.wait_for(viewer["participantId"], "JOINED", "LEFT")


def test_a_socket_without_a_valid_token_is_never_opened(server, stage, page):
    url = events_url(server, stage)
    token = stage.token()["token"]
    for bad in (None, token[:-6] + "AAAAAA", token.replace(".", "", 1)):
        assert page.evaluate(OPEN, ["bad", url, bad]) is None
    other = url[:-4] + "zzzz"
    assert page.evaluate(OPEN, ["bad", other, token]) is None
    assert stage.client.list_stage_sessions(stageArn=stage.arn)["stageSessions"] == []
