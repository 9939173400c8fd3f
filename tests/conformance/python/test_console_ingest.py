"""The console's pages on ingest, with encoders that publish: what comes, why others may not, and whether what the page says to type works."""

import os
import subprocess

import pytest
from playwright.sync_api import expect

from console import AXE, REGION, Console
from downstage import Stage, until
from ingest import Ingest
from rtmp import FFMPEG_5, FFMPEG_9, GSTREAMER, Ffmpeg, h264

pytestmark = pytest.mark.skipif(not AXE.is_file(), reason="needs the packages of js/console")

SMALL = {"size": "320x180", "rate": 15, "video": h264(200, 15)}
WRONG_KEY = "rt_000000000000_us-east-1_nosuchid1234_" + "0" * 40


@pytest.fixture(scope="module")
def client(server):
    return server.client(region=REGION)


@pytest.fixture
def stage(client):
    stage = Stage(client, name="studio")
    yield stage
    client.delete_stage(arn=stage.arn)


@pytest.fixture
def console(server, browser):
    """A console that insists that nothing went wrong in it."""
    console = Console(browser, server)
    yield console
    problems = console.problems
    console.close()
    assert problems == []


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """Screenshots of every page, to be looked at by people."""
    folder = tmp_path_factory.mktemp("screenshots")
    yield folder
    print(f"\nscreenshots: {folder}")


def shows(console, *texts: str) -> None:
    """Waits until the page has all of these."""
    for text in texts:
        expect(console.page.locator("main")).to_contain_text(text)


def without_admin_key(console) -> None:
    """As where the key of the administration is not the one that everybody knows."""

    def forget(route) -> None:
        answer = route.fetch()
        facts = answer.json()
        del facts["dev"]["adminKey"]
        route.fulfill(response=answer, json=facts)

    console.page.route("**/console.json", forget)


def looked_at(console, name, shots) -> list[str]:
    """What is wrong with the page at both widths, one in each theme."""
    found = []
    for width, theme in ((1280, "light"), (390, "dark")):
        console.page.set_viewport_size({"width": width, "height": 900})
        # Colours change at once.
        console.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        console.page.screenshot(path=shots / f"{name}-{width}-{theme}.png", full_page=True)
        found += [f"{name} at {width} px, {theme}: {each}" for each in console.overflowing() + console.faults()]
    console.page.set_viewport_size({"width": 1280, "height": 900})
    return found


def test_what_an_encoder_sends_is_on_every_page_that_tells_of_it(server, stage, console, shots):
    ingest = Ingest(stage, "RTMP", name="camera", userId="ana")
    page = console.page
    console.open(f"#/ingest/{ingest.arn}", "camera")
    shows(console, "Inactive", "Nobody publishes with its stream key.")
    with Ffmpeg(ingest.url(), **SMALL):
        shows(console, "Active", "320×180", "15 fps", "every 1 s", "H.264", "Baseline", "AAC-LC, 48 kHz, stereo", "Lavf", "RTMP from 127.0.0.1")
        page.get_by_role("img", name="Video bitrate over the last minute").locator(".uplot").wait_for()
        rates = page.locator("figure", has_text="Video bitrate").locator(".legend-value")
        until("the bitrate is measured", lambda: 100 < float(rates.inner_text().split()[0]) < 400)
        # While it publishes it is not moved, and the page says so.
        shows(console, "409 ConflictException")
        assert page.get_by_role("button", name="Change the stage").count() == 0
        wrong = looked_at(console, "ingest-live", shots)

        console.open("#/ingest", "Ingest configurations")
        row = page.get_by_role("row", name="camera")
        expect(row).to_contain_text("320×180 · 15 fps")
        wrong += looked_at(console, "ingest-list", shots)

        console.open(f"#/stage/{stage.arn}", "studio")
        shows(console, stage.stage["endpoints"]["rtmp"], stage.stage["endpoints"]["rtmps"])
        page.get_by_role("row", name="camera").get_by_text("Active", exact=True).wait_for()
        page.get_by_role("link", name="By an encoder").click()
        page.get_by_role("heading", level=1, name="camera").wait_for()
        page.get_by_role("link", name="All events of its participant").click()
        page.get_by_role("heading", level=1, name="ana").wait_for()
        shows(console, "Protocol", "RTMP", "Began to publish")
        wrong += looked_at(console, "ingest-participant", shots)
        page.get_by_role("link", name=ingest.arn.rsplit("/", 1)[1]).click()
        page.get_by_role("heading", level=1, name="camera").wait_for()
    shows(console, "Inactive")
    assert wrong == []


def test_an_encoder_is_put_out_and_let_in_again_by_hand(stage, console):
    ingest = Ingest(stage, "RTMP", name="guest")
    page = console.page
    with Ffmpeg(ingest.url(), **SMALL) as encoder:
        console.open(f"#/ingest/{ingest.arn}", "guest")
        # By the keyboard alone.
        page.get_by_role("button", name="Disconnect", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_label("Reason").focus()
        page.keyboard.type("enough")
        page.keyboard.press("Enter")
        shows(console, "Inactive", "The configuration has no stage")
        encoder.wait()
    assert ingest.get()["stageArn"] == ""
    page.get_by_label("Publishes to").select_option(label="studio")
    console.press("Change the stage")
    shows(console, "Nobody publishes with its stream key.")
    assert ingest.get()["stageArn"] == stage.arn
    with Ffmpeg(ingest.url(), **SMALL):
        shows(console, "320×180")
        page.get_by_role("button", name="Delete the ingest configuration guest").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("409 ConflictException")
        dialog.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("heading", level=1, name="Ingest configurations").wait_for()
    # The page may have asked once more for what was gone.
    console.problems[:] = [each for each in console.problems if not ("404" in each and each.endswith("/GetIngestConfiguration"))]
    assert ingest.arn not in [one["arn"] for one in stage.client.list_ingest_configurations()["ingestConfigurations"]]


def test_a_refused_encoder_is_told_why_and_what_to_do(stage, console, shots):
    ingest = Ingest(stage, "RTMP", name="laptop")
    with Ffmpeg(ingest.url(), **{**SMALL, "video": ["-c:v", "libx264", "-bf", "2", "-g", "15"]}) as encoder:
        console.open(f"#/ingest/{ingest.arn}", "laptop")
        shows(console, "The picture has B-frames", "-bf 0", "B_FRAME_PRESENT", "from 127.0.0.1")
        encoder.wait()
    wrong = looked_at(console, "ingest-refused", shots)
    with Ffmpeg(ingest.url(key=WRONG_KEY), **SMALL) as encoder:
        encoder.wait()
    console.open("#/ingest", "Ingest configurations")
    expect(console.page.get_by_role("row", name="laptop")).to_contain_text("B-frames")
    console.page.get_by_role("table", name="Refused at the door").get_by_text("The stream key opens nothing.").first.wait_for()
    assert WRONG_KEY not in console.page.content() and WRONG_KEY[-40:] not in console.page.content()
    assert wrong + looked_at(console, "ingest-strangers", shots) == []


def test_without_the_administrations_key_the_page_says_what_it_can_and_how_to_get_the_rest(stage, console, shots):
    ingest = Ingest(stage, "RTMP", name="phone")
    without_admin_key(console)
    with Ffmpeg(ingest.url(), size="1600x900", rate=5) as encoder:
        encoder.wait()
    page = console.page
    console.open(f"#/ingest/{ingest.arn}", "phone")
    shows(console, "The picture is larger than a stage takes", "RESOLUTION_EXCEEDED")
    with Ffmpeg(ingest.url(), **SMALL):
        shows(console, "Active", "admin.key")
        wrong = looked_at(console, "ingest-without-key", shots)
        key = page.get_by_label("Administration key")
        key.fill("wrong")
        console.press("Use the key")
        shows(console, "The administration key is wrong.")
        # One refusal is an error to the browser's console; that there is no second shows that nobody asks again.
        for _ in range(2):
            with page.expect_response("**/GetIngestConfiguration"):
                pass
        assert len(console.problems) == 1 and "401" in console.problems.pop()
        key.fill("test")
        console.press("Use the key")
        shows(console, "320×180")
    assert wrong == []


def test_of_a_redundant_pair_the_page_says_which_one_viewers_see(stage, console, shots):
    ingest = Ingest(stage, "RTMP", name="pair", redundantIngest=True)
    console.open(f"#/ingest/{ingest.arn}", "pair")
    shows(console, "Stream key 1", "Stream key 2")
    first, second = ingest.credentials
    page = console.page
    with Ffmpeg(ingest.url(key=first["streamKey"]), **SMALL) as encoder:
        one = page.get_by_role("article", name=first["participantId"])
        expect(one).to_contain_text("Viewers see this one")
        shows(console, "The other encoder does not publish")
        with Ffmpeg(ingest.url(key=second["streamKey"]), **SMALL):
            other = page.get_by_role("article", name=second["participantId"])
            expect(other).to_contain_text("Stands by")
            wrong = looked_at(console, "ingest-pair", shots)
            encoder.end()
            expect(other).to_contain_text("Viewers see this one")
            expect(one).to_have_count(0)
    assert wrong == []


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A folder with the `file.mp4` of the commands."""
    folder = tmp_path_factory.mktemp("film")
    sources = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=15", "-f", "lavfi", "-i", "sine=sample_rate=44100"]
    subprocess.run([FFMPEG_9, "-loglevel", "error", *sources, "-t", "20", "-pix_fmt", "yuv420p", "file.mp4"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(
    ("encoder", "binary", "protocol"),
    [("FFmpeg", FFMPEG_9, "RTMP"), ("FFmpeg", FFMPEG_9, "RTMPS"), ("FFmpeg", FFMPEG_5, "RTMPS"), ("GStreamer", GSTREAMER, "RTMPS")],
    ids=["ffmpeg9", "ffmpeg9-tls", "ffmpeg5-tls", "gstreamer-tls"],
)
def test_what_the_page_says_to_type_publishes(stage, console, film, tmp_path, encoder, binary, protocol):
    if not binary or not os.path.exists(binary):
        pytest.skip("it is not installed")
    ingest = Ingest(stage, protocol, name="typed")
    page = console.page
    console.open(f"#/ingest/{ingest.arn}", "typed")
    page.get_by_label(encoder, exact=True).check()
    command = page.get_by_label(f"{encoder} command", exact=True).inner_text()
    assert ingest.key not in page.content(), "keys are hidden until they are asked for"
    console.press("Show stream key")
    shows(console, ingest.key)
    program = tmp_path / command.split()[0]
    program.symlink_to(binary)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "STREAM_KEY": ingest.key}
    shell = subprocess.Popen(["sh", "-c", f"exec {command}"], cwd=film, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=(tmp_path / "log").open("wb"))
    try:
        shows(console, f"{protocol} from 127.0.0.1", "AAC-LC")
    except AssertionError as error:
        raise AssertionError((tmp_path / "log").read_text()[-2000:]) from error
    finally:
        shell.kill()
        shell.wait(30)
    ingest.wait_state("INACTIVE")
