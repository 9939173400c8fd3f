"""The first page at `/`, used as a person uses it: two tabs, two tokens, a camera and a pair of eyes."""

from downstage import until

# Keeps every connection that the page makes, so that its statistics can be read.
SPY = """
window.connections = [];
window.RTCPeerConnection = class extends window.RTCPeerConnection {
  constructor(...given) { super(...given); window.connections.push(this); }
};
window.inbound = async () => {
  const found = {};
  for (const connection of window.connections) {
    if (connection.connectionState !== 'connected') continue;
    for (const report of (await connection.getStats()).values()) {
      if (report.type === 'inbound-rtp') found[report.kind] = { ...report };
    }
  }
  return found;
};
"""


def tab(browser, server, token, source, **options):
    context = browser.chromium.new_context(permissions=["camera", "microphone"], **options)
    context.add_init_script(SPY)
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(server.http)
    page.get_by_label("Participant token").fill(token)
    if source:
        page.locator(f'input[value="{source}"]').check()
    page.get_by_role("button", name="Join").click()
    page.get_by_role("button", name="Leave").wait_for()
    page.problems = problems
    return page


def seen(page, count):
    def look():
        video = page.evaluate("() => inbound()").get("video", {})
        return video if video.get("framesDecoded", 0) >= count else None

    return until(f"{count} decoded pictures", look, 30)


def test_two_tabs_see_each_other_and_the_events_tell_it(server, stage, browser):
    ana, ben = stage.token(userId="ana"), stage.token(userId="ben")
    first = tab(browser, server, ana["token"], "camera")
    stage.wait_for(ana["participantId"], "JOINED", "PUBLISH_STARTED")
    second = tab(browser, server, ben["token"], "picture")
    seen(second, 60)
    seen(first, 60)
    until(
        "sound with energy",
        lambda: second.evaluate("() => inbound()").get("audio", {}).get("totalAudioEnergy", 0) > 0.0001,
    )
    assert second.locator("#tiles").get_by_text("ana").is_visible()
    second.get_by_role("button", name="Leave").click()
    until("ben has left", lambda: stage.names(ben["participantId"])[-1] == "LEFT")
    assert stage.names(ben["participantId"])[0] == "JOINED"
    names = sorted(stage.names(ben["participantId"]))
    assert names == sorted(
        ["JOINED", "PUBLISH_STARTED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "PUBLISH_STOPPED", "LEFT"]
    )
    assert first.problems == [] and second.problems == []
    first.context.close()
    second.context.close()
    stage.wait_for(
        ana["participantId"],
        "JOINED", "PUBLISH_STARTED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "PUBLISH_STOPPED", "LEFT",
    )


def test_a_kicked_participant_reads_why(server, stage, browser):
    ana = stage.token("SUBSCRIBE", userId="ana")
    page = tab(browser, server, ana["token"], None)
    stage.wait_for(ana["participantId"], "JOINED")
    stage.client.disconnect_participant(stageArn=stage.arn, participantId=ana["participantId"], reason="bye")
    page.get_by_text("disconnected").first.wait_for(timeout=10_000)
    page.context.close()


def test_the_page_refuses_a_text_that_is_no_token(server, browser):
    context = browser.chromium.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page = context.new_page()
    page.goto(server.http)
    page.get_by_label("Participant token").fill("not a token")
    page.get_by_role("button", name="Join").click()
    page.get_by_role("alert").wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), "no sideways scrolling"
    context.close()


def test_the_page_needs_nothing_from_elsewhere(server, browser):
    context = browser.chromium.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    reply = page.goto(server.http)
    page.wait_for_load_state("networkidle")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert all(url.startswith((server.http, "data:")) for url in asked), asked
    context.close()
