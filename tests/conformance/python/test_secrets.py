"""T61: no secret and no personal text reaches the log, whatever its level."""

from downstage import SECRET_KEY, Stage, until
from ffmpeg import Publisher

USER, ATTRIBUTE = "canary-user-7f3a", "canary-attribute-91bc"


def test_no_canary_reaches_the_log_at_trace(own_server, browser):
    server = own_server("--log-level", "trace", environment={"RUST_LOG": "trace"}).start()
    stage = Stage(server.client(), name="quiet", tags={"canary": "canary-tag-55d1"})
    publisher = stage.token("PUBLISH", userId=USER, attributes={"seat": ATTRIBUTE})
    viewer = stage.token("SUBSCRIBE")
    page = browser.page(server.http)
    with Publisher(f"{server.http}/whip", publisher["token"]):
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        page.evaluate(
            "([url, token]) => subscribe('viewer', url, token)",
            [f"{server.http}/whip/subscribe/{publisher['participantId']}", viewer["token"]],
        )
        page.evaluate(
            """([url, token]) => new Promise((done) => {
              const socket = new WebSocket(url, [token]);
              socket.onmessage = done;
              socket.onclose = done;
            }).then(() => null)""",
            [f"{stage.stage['endpoints']['events']}/{stage.arn.rsplit('/', 1)[1]}", viewer["token"]],
        )
        stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED")
    page.context.close()
    until("the drain", lambda: server.stop() == 0)
    log = server.log.read_text(errors="replace")
    assert "DEBUG" in log, "the test is blind unless the log is at its loudest"
    signatures = [token["token"].rsplit(".", 1)[1] for token in (publisher, viewer)]
    payloads = [token["token"].split(".")[1] for token in (publisher, viewer)]
    for canary in [USER, ATTRIBUTE, *signatures, *payloads, f"secret={SECRET_KEY}", "Signature="]:
        assert canary not in log, [line[:300] for line in log.splitlines() if canary in line][:3]
