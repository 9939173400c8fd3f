"""The console at `/`, used as a person uses it: every page in both themes and on a phone, two tabs that see each other, tokens, kicks.

Pictures of every page are kept in pytest's folder of the run (`--basetemp`)."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from downstage import Stage, until

AXE = Path(__file__).parents[3] / "js/console/node_modules/axe-core/axe.min.js"

# What a phone would show cut off or only by scrolling sideways. Long lines of code scroll in a box of their own.
TOO_WIDE = """() => [...document.querySelectorAll('main *')].filter((element) => {
  const { width, right } = element.getBoundingClientRect();
  return width > 0 && right > innerWidth + 1 && !element.closest('.unseen') && !element.closest('pre');
}).map((element) => `${element.tagName}.${element.className.baseVal ?? element.className}`)"""

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
      if (report.type === 'inbound-rtp' && (report.bytesReceived ?? 0) > 0) found[report.kind] = { ...report };
    }
  }
  return found;
};
"""


@pytest.fixture(scope="module")
def account(server):
    """What the console of `dev` is signed in to."""
    return server.client(region="us-east-1")


@pytest.fixture
def room(account):
    stage = Stage(account, name="room", tags={"team": "media"})
    yield stage
    account.delete_stage(arn=stage.arn)


class Tab:
    """One tab in a context of its own; what it complains of is kept."""

    def __init__(self, browser, **options):
        self.context = browser.chromium.new_context(permissions=["camera", "microphone"], **options)
        self.context.add_init_script(SPY)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.problems.append(said.text))

    def visit(self, server, route: str):
        self.page.goto(f"{server.http}/{route}")
        self.page.reload()
        self.page.locator("h1").first.wait_for()
        expect(self.page.get_by_text("Loading…")).to_have_count(0)

    def join(self, server, token: str, source: str | None):
        """By a token in the address, as a link of the banner or of a mail would have it."""
        self.page.goto(f"{server.http}/#{token}")
        if source:
            self.page.get_by_label(source, exact=True).check()
        self.page.get_by_role("button", name="Publish" if source else "Join to watch", exact=True).click()
        self.page.get_by_role("button", name="Leave").wait_for()

    def close(self):
        self.context.close()


@pytest.fixture
def tabs(browser):
    made: list[Tab] = []

    def make(**options) -> Tab:
        made.append(Tab(browser, **options))
        return made[-1]

    yield make
    for tab in made:
        tab.close()


def test_every_page_fits_and_can_be_read_by_all(server, account, room, browser, tabs, tmp_path):
    account.create_ingest_configuration(name="studio", ingestProtocol="RTMPS", userId="camera")
    account.create_encoder_configuration(name="hd", video={"width": 1280, "height": 720, "framerate": 30.0, "bitrate": 2_500_000})
    ana = room.token("PUBLISH", "SUBSCRIBE", userId="ana", attributes={"seat": "4"})
    sender = browser.page(server.http)
    assert sender.evaluate("([url, token]) => publish('ana', url, token)", [f"{server.http}/whip", ana["token"]])["status"] == 201
    room.wait_for(ana["participantId"], "JOINED", "PUBLISH_STARTED")
    session = f"#/stage/{room.arn}/session/{room.session()}"
    routes = {
        "stages": "#/", "tokens": "#/tokens", "keys": "#/keys", "ingest": "#/ingest", "encoders": "#/encoders", "storage": "#/storage",
        "account": "#/account", "publish": "#/publish", "connection": "#/connection", "unknown": "#/no-such-page",
        "stage": f"#/stage/{room.arn}", "session": session, "participant": f"{session}/participant/{ana['participantId']}",
    }
    faults = []
    for width, theme in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")):
        tab = tabs(viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True)
        for name, route in routes.items():
            tab.visit(server, route)
            tab.page.screenshot(path=tmp_path / f"{name}-{width}-{theme}.png", full_page=True)
            where = f"{name} at {width}, {theme}"
            if tab.page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{where}: scrolls sideways")
            faults += [f"{where}: {element} is cut off" for element in tab.page.evaluate(TOO_WIDE)]
            tab.page.evaluate(AXE.read_text())
            found = tab.page.evaluate("() => axe.run({ resultTypes: ['violations'] })")["violations"]
            faults += [
                f"{where}: {fault['id']} of {fault['nodes'][0]['target']}" for fault in found if fault["impact"] in ("serious", "critical")
            ]
        faults += tab.problems
        tab.close()
    sender.context.close()
    assert faults == []


def test_two_tabs_see_each_other_and_the_events_tell_it(server, room, tabs):
    ana, ben = room.token(userId="ana"), room.token(userId="ben")
    first, second = tabs(), tabs()
    first.join(server, ana["token"], "Camera and microphone")
    room.wait_for(ana["participantId"], "JOINED", "PUBLISH_STARTED")
    assert ana["token"] not in first.page.url, "a token stays in no address"
    second.join(server, ben["token"], "Test picture")
    for tab in (second, first):
        until("60 decoded pictures", lambda: tab.page.evaluate("() => inbound()").get("video", {}).get("framesDecoded", 0) >= 60, 30)
    until("sound", lambda: second.page.evaluate("() => inbound()").get("audio", {}).get("packetsReceived", 0) >= 50)
    expect(second.page.get_by_text("ana").first).to_be_visible()
    second.page.get_by_role("button", name="Leave").click()
    until("ben has left", lambda: room.names(ben["participantId"])[-1] == "LEFT")
    assert sorted(room.names(ben["participantId"])) == sorted(
        ["JOINED", "PUBLISH_STARTED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "PUBLISH_STOPPED", "LEFT"]
    )
    assert first.problems == [] and second.problems == []


def test_a_kicked_participant_reads_why(server, room, tabs):
    ana = room.token("SUBSCRIBE", userId="ana")
    tab = tabs()
    tab.join(server, ana["token"], None)
    room.wait_for(ana["participantId"], "JOINED")
    room.client.disconnect_participant(stageArn=room.arn, participantId=ana["participantId"], reason="bye")
    expect(tab.page.get_by_text("disconnected").first).to_be_visible(timeout=10_000)


def test_a_stage_is_made_watched_and_deleted_by_hand(server, account, browser, tabs):
    tab = tabs()
    page = tab.page
    tab.visit(server, "#/")
    page.get_by_role("button", name="Create stage").click()
    page.get_by_label("Name", exact=True).fill("by-hand")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("by-hand")
    made = next(stage for stage in account.list_stages()["stages"] if stage.get("name") == "by-hand")
    token = account.create_participant_token(stageArn=made["arn"], capabilities=["PUBLISH"])["participantToken"]
    sender = browser.page(server.http)
    assert sender.evaluate("([url, token]) => publish('one', url, token)", [f"{server.http}/whip", token["token"]])["status"] == 201
    page.get_by_role("button", name="Watch", exact=True).click()
    until("30 decoded pictures", lambda: page.evaluate("() => inbound()").get("video", {}).get("framesDecoded", 0) >= 30, 30)
    page.get_by_role("button", name="Stop watching").click()
    page.get_by_role("button", name="Delete the stage by-hand").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    until("the stage is gone", lambda: all(stage["arn"] != made["arn"] for stage in account.list_stages()["stages"]))
    assert tab.problems == []
    sender.context.close()


def test_the_connection_test_finds_both_ways(server, account, tabs):
    tab = tabs()
    tab.visit(server, "#/connection")
    tab.page.get_by_role("button", name="Start the test").click()
    expect(tab.page.get_by_role("button", name="Test again")).to_be_visible(timeout=60_000)
    results = tab.page.locator("main").inner_text()
    assert "UDP" in results and "TCP" in results
    until("the test's stage is gone again", lambda: all(
        stage.get("name") != "connection-test" for stage in account.list_stages()["stages"]
    ), 40)
    assert tab.problems == []


def test_the_console_needs_nothing_from_elsewhere(server, browser):
    context = browser.chromium.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    reply = page.goto(server.http)
    page.wait_for_load_state("networkidle")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert all(url.startswith((server.http, "data:")) for url in asked), asked
    context.close()
