"""The console as people use it: every page looked at in both themes and on a telephone, and the ways from a first stage to a picture."""

import json

import pytest

from console import AXE, REGION, Console
from downstage import Server, Stage, until
from ffmpeg import Publisher
from keys import public_key

pytestmark = pytest.mark.skipif(not AXE.is_file(), reason="needs the packages of js/console")

LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def client(server):
    return server.client(region=REGION)


@pytest.fixture
def stage(client):
    stage = Stage(client, name="studio")
    yield stage
    try:
        client.delete_stage(arn=stage.arn)
    except client.exceptions.ResourceNotFoundException:
        pass


@pytest.fixture
def consoles(server, browser):
    """Opens consoles, closes them, and insists that nothing went wrong in them."""
    opened = []

    def make(**options):
        opened.append(Console(browser, server, **options))
        return opened[-1]

    yield make
    problems = [problem for each in opened for problem in each.problems]
    for each in opened:
        each.close()
    assert problems == []


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """Screenshots of every page, to be looked at by people."""
    folder = tmp_path_factory.mktemp("screenshots")
    yield folder
    print(f"\nscreenshots: {folder}")


@pytest.fixture(scope="module")
def filled(server, client):
    """An account with something of everything, and a stage on which somebody publishes; gives its routes."""
    stage = Stage(client, name="a-stage-with-a-name-that-is-long-as-people-like-them", tags={"team": "media", "purpose": "a long value of a tag"})
    client.import_public_key(publicKeyMaterial=public_key(21), name="key-of-the-back-end")
    client.create_ingest_configuration(name="encoder-in-the-studio", ingestProtocol="RTMP", insecureIngest=True, stageArn=stage.arn, userId="obs")
    client.create_encoder_configuration(name="hd", video={"width": 1280, "height": 720, "bitrate": 2_500_000, "framerate": 30.0})
    (server.data / "objects" / "recordings").mkdir(parents=True, exist_ok=True)
    client.create_storage_configuration(name="recordings", s3={"bucketName": "recordings"})
    publisher = stage.token("PUBLISH", userId="a-camera-with-quite-a-long-name", attributes={"seat": "4"})
    kicked = stage.token("SUBSCRIBE", userId="kicked")
    client.disconnect_participant(stageArn=stage.arn, participantId=kicked["participantId"], reason="bye")
    with Publisher(f"{server.http}/whip", publisher["token"], size="320x180", rate=15, video_kbps=150):
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        session = stage.session()
        at = f"#/stage/{stage.arn}"
        yield {
            "stages": "#/", "stage": at, "session": f"{at}/session/{session}",
            "participant": f"{at}/session/{session}/participant/{publisher['participantId']}",
            "tokens": f"#/tokens/{stage.arn}", "keys": "#/keys", "ingest": "#/ingest", "encoders": "#/encoders", "storage": "#/storage",
            "connection": "#/connection", "publish": "#/publish", "account": "#/account", "unknown": "#/no/such/page",
        }


def plays(tile) -> None:
    """Waits until somebody's picture goes on."""
    until("the picture plays", lambda: tile.locator("video").evaluate("(video) => video.currentTime") > 0.5)


def looked_at(console, name, width, theme, shots) -> list[str]:
    """What is wrong with the page that is shown. Each width and each theme is looked through by axe once."""
    console.page.screenshot(path=shots / f"{name}-{width}-{theme}.png", full_page=True)
    found = console.overflowing()
    if (width, theme) in ((1280, "light"), (390, "dark")):
        found += console.faults()
    return [f"{name} at {width} px, {theme}: {each}" for each in found]


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_every_page_is_whole_and_legible(filled, consoles, shots, width, theme):
    console = consoles(width=width, theme=theme)
    wrong = []
    for name, route in filled.items():
        console.open(route)
        wrong += looked_at(console, name, width, theme, shots)
    # What is loaded by hand: the picture of whoever publishes, with its charts.
    console.open(filled["stage"])
    console.press("Watch")
    tile = console.page.get_by_role("article")
    plays(tile)
    tile.get_by_role("button", name="Charts").click()
    tile.get_by_role("img", name="over the last minute").first.locator(".uplot").wait_for()
    wrong += looked_at(console, "live", width, theme, shots)
    console.press("Stop watching")
    assert wrong == []


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_pages_without_content_say_what_to_do_first(server, consoles, shots, width, theme):
    console = consoles(width=width, theme=theme)
    keys = {"accessKeyId": "test", "secretAccessKey": "test", "region": "eu-central-1"}
    console.page.add_init_script(f"sessionStorage.setItem('downstage.credentials', {json.dumps(json.dumps(keys))})")
    wrong = []
    for name, words in {
        "": "There is no stage yet.", "tokens": "There is no stage to make a token for.", "keys": "No key is imported.",
        "ingest": None, "encoders": None, "storage": None, "publish": "There is no stage yet.",
    }.items():
        console.open(f"#/{name}")
        if words:
            console.page.get_by_text(words).wait_for()
        wrong += looked_at(console, f"empty-{name or 'stages'}", width, theme, shots)
    assert wrong == []


def test_the_keyboard_alone_makes_a_stage(client, consoles):
    console = consoles()
    page = console.page
    console.open("#/", "Stages")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.textContent") == "Create stage":
            break
    outline = page.evaluate("() => { const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement); return [outlineStyle, outlineWidth, boxShadow]; }")
    assert outline[0] != "none" or outline[2] != "none", "the focus is to be seen"
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_label("Name").wait_for()
    for _ in range(5):
        if page.evaluate("() => document.activeElement.tagName") == "INPUT":
            break
        page.keyboard.press("Tab")
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="by-keyboard").wait_for()
    (made,) = [stage for stage in client.list_stages()["stages"] if stage.get("name") == "by-keyboard"]
    # Its page would ask for it again.
    console.open("#/tokens", "Tokens")
    client.delete_stage(arn=made["arn"])


def join(console, token: str, source: str | None = None) -> None:
    """By a token in the address, as a link of the banner or of a mail has it."""
    page = console.page
    page.goto(f"{console.origin}/#{token}")
    if source:
        page.get_by_label(source, exact=True).check()
    console.press("Publish" if source else "Join to watch")
    page.get_by_role("button", name="Leave").wait_for()
    assert token not in page.url, "a token stays in no address"


def test_two_tabs_see_each_other_and_the_pages_tell_it(stage, consoles):
    ana, ben = stage.token(userId="ana"), stage.token(userId="ben")
    first, second = consoles(), consoles()
    join(first, ana["token"], "Camera and microphone")
    join(second, ben["token"], "Test picture")
    for console, name in ((first, "ben"), (second, "ana")):
        plays(console.page.get_by_role("article", name=name))
    first.press("Microphone: on")
    second.page.get_by_role("article", name="ana").get_by_label("Microphone off").wait_for()

    # Somebody looks at the session meanwhile.
    third = consoles()
    session = f"#/stage/{stage.arn}/session/{stage.session()}"
    third.open(session)
    third.page.get_by_role("link", name="ana").first.wait_for()
    third.page.get_by_role("link", name="ben").first.wait_for()
    third.open(f"{session}/participant/{ben['participantId']}", "ben")
    third.page.get_by_role("button", name="Disconnect", exact=True).click()
    third.page.get_by_role("dialog").get_by_label("Reason").fill("enough")
    third.page.get_by_role("dialog").get_by_role("button", name="Disconnect", exact=True).click()
    second.page.get_by_text("disconnected").first.wait_for()
    until("ben has left", lambda: stage.names(ben["participantId"])[-1] == "LEFT")

    first.press("Leave")
    until("ana has left", lambda: stage.names(ana["participantId"])[-1] == "LEFT")
    assert sorted(stage.names(ana["participantId"])) == sorted(
        ["JOINED", "PUBLISH_STARTED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "PUBLISH_STOPPED", "LEFT"])


def test_a_stage_is_made_watched_and_deleted_by_hand(server, client, consoles):
    console = consoles()
    page = console.page
    console.open("#/", "Stages")
    console.press("Create stage")
    page.get_by_label("Name", exact=True).fill("by-hand")
    console.press("Create")
    page.get_by_role("heading", level=1, name="by-hand").wait_for()
    (made,) = [stage for stage in client.list_stages()["stages"] if stage.get("name") == "by-hand"]
    token = client.create_participant_token(stageArn=made["arn"], userId="camera", capabilities=["PUBLISH"])["participantToken"]
    with Publisher(f"{server.http}/whip", token["token"], size="320x180", rate=15, video_kbps=150):
        console.press("Watch")
        plays(page.get_by_role("article", name="camera"))
        console.press("Stop watching")
    console.press("Delete the stage by-hand")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("heading", level=1, name="Stages").wait_for()
    assert made["arn"] not in [stage["arn"] for stage in client.list_stages()["stages"]]


def test_a_token_is_made_read_and_explained(stage, consoles):
    console = consoles()
    page = console.page
    console.open(f"#/tokens/{stage.arn}", "Tokens")
    page.get_by_label("User id").fill("ana")
    console.press("Make token")
    page.get_by_role("heading", name="Token made").wait_for()
    reader = page.get_by_label("Token", exact=True)
    token = reader.input_value()
    assert token.count(".") == 2
    console.press("Why is it refused?")
    page.get_by_text("It would be let in").wait_for()
    head, claims, signature = token.split(".")
    reader.fill(f"{head}.{claims}.{signature[::-1]}")
    console.press("Why is it refused?")
    page.get_by_text("It is refused").wait_for()
    console.open("#/publish", "Publish")
    page.get_by_label("The stage of a token").check()
    page.get_by_label("Participant token").fill("not a token")
    page.get_by_label("Nothing: only watch").check()
    console.press("Join to watch")
    page.get_by_role("alert").wait_for()


def test_the_connection_test_tells_which_ways_work(client, consoles):
    console = consoles()
    console.open("#/connection", "Connection test")
    console.press("Start the test")
    console.page.get_by_role("button", name="Test again").wait_for()
    text = console.page.locator("#test-result, section:has(#test-result)").first.inner_text()
    assert "UDP" in text and "TCP" in text
    names = [stage.get("name") for stage in client.list_stages()["stages"]]
    assert "connection-test" not in names, "its stage goes with it"


def test_the_console_is_of_this_server_alone(server, consoles, browser):
    console = consoles()
    reply = console.page.goto(server.http)
    console.page.get_by_role("heading", level=1).wait_for()
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    # A page of another name for this address is not given the keys.
    other = browser.chromium.new_context()
    answer = other.request.get(f"{server.http}/console.json", headers={"Host": "attacker.example"})
    assert answer.status >= 400 or answer.json()["dev"] is None
    other.close()


def test_a_server_in_service_asks_for_keys(own_server, browser):
    server = own_server(mode="serve", environment={"DOWNSTAGE_ACCESS_KEYS": "AKCONSOLE:0123456789abcdef:123456789012"}).start()
    console = Console(browser, server)
    console.open("", "Sign in")
    page = console.page
    page.get_by_label("Access key ID").fill("AKCONSOLE")
    page.get_by_label("Secret access key").fill("wrong")
    console.press("Sign in")
    page.get_by_role("alert").wait_for()
    # The refusal is an error to the browser's console.
    console.problems.clear()
    page.get_by_label("Secret access key").fill("0123456789abcdef")
    console.press("Sign in")
    page.get_by_text("There is no stage yet.").wait_for()
    assert console.problems == []
    console.close()
