"""Replications by the console's buttons: begun, seen on every page that tells of them, stopped, and refused in plain words."""

import pytest
from playwright.sync_api import expect

from console import AXE, REGION, Console
from downstage import Stage, until
from ffmpeg import Publisher
from presence import Presence
from replication import Replication
from studio import Studio
from test_console import plays
from test_console_ingest import looked_at, shows

pytestmark = pytest.mark.skipif(not AXE.is_file(), reason="needs the packages of js/console")


@pytest.fixture(scope="module")
def client(server):
    return server.client(region=REGION)


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """Screenshots of every page, to be looked at by people."""
    folder = tmp_path_factory.mktemp("screenshots")
    yield folder
    print(f"\nscreenshots: {folder}")


@pytest.fixture
def console(server, browser):
    """A console that insists that nothing went wrong in it."""
    console = Console(browser, server)
    yield console
    problems = console.problems
    console.close()
    assert problems == []


@pytest.fixture
def stages(client):
    """Where somebody joins, and where a replica goes."""
    made = [Stage(client, name=name) for name in ("rehearsal", "great-hall")]
    yield made
    for stage in made:
        try:
            client.delete_stage(arn=stage.arn)
        except client.exceptions.ResourceNotFoundException:
            pass


@pytest.fixture
def camera(server, stages):
    """Somebody who publishes on the first stage."""
    token = stages[0].token("PUBLISH", userId="camera", attributes={"seat": "4"})
    with Publisher(f"{server.http}/whip", token["token"], size="320x180", rate=15, video_kbps=150) as program:
        stages[0].wait_for(token["participantId"], "JOINED", "PUBLISH_STARTED")
        program.id = token["participantId"]
        yield program


def page_of(stage, participant: str) -> str:
    return f"#/stage/{stage.arn}/session/{stage.session()}/participant/{participant}"


def test_a_participant_is_replicated_and_stopped_by_the_buttons(stages, camera, console, shots):
    rehearsal, hall = stages
    page = console.page
    console.open(page_of(rehearsal, camera.id), "camera")
    shows(console, "The participant is on this stage alone.")
    # By the keyboard alone.
    page.get_by_role("button", name="Replicate", exact=True).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Replicate to another stage")
    dialog.get_by_label("Stage").focus()
    page.keyboard.type("great")
    page.keyboard.press("Tab")
    page.keyboard.type("30")
    page.keyboard.press("Tab")
    page.keyboard.type("role=guest")
    expect(dialog).to_contain_text("9 of 1024 bytes")
    dialog.get_by_text("Same by the AWS CLI").click()
    command = dialog.get_by_label("command", exact=True)
    for words in ("start-participant-replication", f"--destination-stage-arn {hall.arn}", "--reconnect-window-seconds 30", '{"role":"guest"}'):
        expect(command).to_contain_text(words)
    wrong = looked_at(console, "replicate", shots)
    dialog.get_by_role("button", name="Replicate", exact=True).focus()
    page.keyboard.press("Enter")
    row = page.get_by_role("table", name="Replications").get_by_role("row", name="great-hall")
    expect(row).to_contain_text("Active")
    assert hall.participant(camera.id)["attributes"] == {"seat": "4", "role": "guest"}
    page.get_by_role("img", name="Replication began (to great-hall)").wait_for()
    page.get_by_role("table", name="Events").get_by_role("row", name="Replication began").get_by_role("link", name="great-hall").wait_for()
    wrong += looked_at(console, "replicated", shots)

    # The stage where it appears: in the list, and in the picture.
    console.open(f"#/stage/{hall.arn}", "great-hall")
    listed = page.get_by_role("table", name="Participants now").get_by_role("row", name="camera")
    expect(listed).to_contain_text("Replica of rehearsal")
    console.press("Watch")
    tile = page.get_by_role("article", name="camera")
    plays(tile)
    tile.get_by_role("img", name="Replica from the stage rehearsal").wait_for()
    wrong += looked_at(console, "replica-live", shots)
    console.press("Stop watching")
    console.open(f"#/stage/{hall.arn}/session/{hall.session()}")
    expect(page.get_by_role("table", name="Participants")).to_contain_text("Replica of rehearsal")
    page.get_by_role("img", name="camera, published as a replica").wait_for()
    wrong += looked_at(console, "replica-session", shots)
    console.open(f"#/stage/{rehearsal.arn}/session/{rehearsal.session()}")
    expect(page.get_by_role("table", name="Participants").get_by_role("row", name="camera")).to_contain_text("Replicated")

    # Its own page there: where it comes from, and stopped.
    console.open(page_of(hall, camera.id), "camera")
    shows(console, "Comes from another stage", "Joined as a replica", "Began to publish as a replica")
    wrong += looked_at(console, "replica", shots)
    page.get_by_role("button", name="Stop the replication to great-hall").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    shows(console, "Disconnected", "Stopped publishing as a replica")
    expect(page.get_by_role("button", name="Stop the replication to great-hall")).to_have_count(0)
    page.get_by_role("link", name="Its own page on rehearsal").click()
    expect(row).to_contain_text("Stopped")

    # And once more, stopped where it comes from.
    console.press("Replicate")
    dialog.get_by_role("button", name="Replicate", exact=True).click()
    expect(row).to_contain_text("Active")
    row.get_by_role("button", name="Stop the replication to great-hall").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    expect(row).to_contain_text("Stopped")
    assert rehearsal.names(camera.id)[2:] == ["REPLICATION_STARTED", "REPLICATION_STOPPED"] * 2
    wrong += looked_at(console, "replicated-before", shots)
    assert wrong == []


def test_refusals_are_in_plain_words(server, client, stages, camera, console, shots):
    rehearsal, hall = stages
    page = console.page
    dialog = page.get_by_role("dialog", name="Replicate to another stage")

    def refused(words: str, status: int) -> None:
        with page.expect_response("**/StartParticipantReplication") as answer:
            dialog.get_by_role("button", name="Replicate", exact=True).click()
        assert answer.value.status == status
        expect(dialog.get_by_role("alert")).to_contain_text(words)
        # A refusal is an error to the browser's console.
        until("the browser has said so", lambda: [each for each in console.problems if f" {status} " in each])
        console.problems.clear()

    console.open(page_of(rehearsal, camera.id), "camera")
    console.press("Replicate")
    # More than the page itself lets through.
    dialog.get_by_label("Attributes").fill("key=" + "v" * 1022)
    dialog.get_by_role("button", name="Replicate", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("The attributes are 1025 bytes in total; at most 1024 are allowed.")
    dialog.get_by_label("Attributes").fill("")

    with Studio(client) as studio, Presence(hall.stage, studio.participant(hall, camera.id, "subscribe")):
        refused("A participant of the same id is on that stage", 409)
    wrong = looked_at(console, "replicate-refused", shots)
    more = [Stage(client, name=f"side-{number}") for number in range(5)]
    for stage in more:
        Replication(rehearsal, camera.id, stage)
    refused("The participant appears on as many other stages as it may", 402)
    for stage in more:
        client.delete_stage(arn=stage.arn)
    client.delete_stage(arn=hall.arn)
    refused("The stage to replicate to does not exist (any more).", 404)
    dialog.get_by_role("button", name="Cancel").click()

    again = Stage(client, name="annex")
    console.press("Replicate")
    dialog.get_by_label("Stage").select_option(label="annex")
    camera.end()
    until("it has left", lambda: rehearsal.names(camera.id)[-1] == "LEFT")
    refused("The participant does not publish now.", 409)
    client.delete_stage(arn=again.arn)
    assert wrong == []
