"""OBS Studio, as streamers use it. Its packages are too many for each run: these tests are skipped unless `obs-studio` and `xvfb` are
installed. DOWNSTAGE_SCREENSHOTS names a folder for pictures of what OBS and the viewer show."""

import os
import shutil
from pathlib import Path

import pytest

import flash
from downstage import Stage, until
from ingest import Ingest
from obs import OBS, XVFB, Obs
from rtmp import Ffmpeg
from spare import Spare
from watching import pictures, sound, watch
from webrtc import Loop

pytestmark = [
    pytest.mark.skipif(OBS is None or XVFB is None, reason="OBS Studio or Xvfb is not installed"),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Flashes and beeps, without what coding adds: the sound is not compressed."""
    path = tmp_path_factory.mktemp("film") / "flash.mov"
    plain = {"video": ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"], "audio": ["-c:a", "pcm_s16le"]}
    with Ffmpeg(str(path), picture=flash.PICTURE, sound=flash.STEREO, kind="mov", live=False, seconds=20, **plain) as ffmpeg:
        assert ffmpeg.wait(60) == 0
    return path


@pytest.mark.parametrize("protocol", ["RTMP", "RTMPS"])
def test_obs_streams_and_chromium_watches(server, stage, browser, film, tmp_path, protocol):
    ingest = Ingest(stage, userId="obs")
    where, certificates = stage.stage["endpoints"][protocol.lower()], None
    if protocol == "RTMPS":
        if os.geteuid() != 0:
            pytest.skip("only root can lend OBS another set of certificates")
        certificates = tmp_path / "certificates"
        certificates.mkdir()
        shutil.copy(server.certificate, certificates / "own.pem")
        # Its TLS compares names, not addresses.
        where = where.replace("127.0.0.1", "localhost")
    shots = Path(os.environ.get("DOWNSTAGE_SCREENSHOTS", tmp_path))
    spare = Spare()
    with Loop() as loop, Obs(tmp_path / "obs", where, ingest.key, film, certificates=certificates) as obs:
        until("OBS publishes", lambda: ingest.get()["state"] == "ACTIVE", 60)
        ingest.wait_begun()
        page = browser.page(server.http)
        watch(page, server, stage.token("SUBSCRIBE")["token"], ingest.participant)
        video = pictures(page, 60)
        assert (video["frameWidth"], video["frameHeight"]) == (640, 360)
        sound(page)
        assert stage.participant(ingest.participant)["protocol"] == protocol
        clock = flash.Clock(loop.watch(f"{server.http}/whip/subscribe/{ingest.participant}", stage.token("SUBSCRIBE")["token"]))
        until("flashes on the wire", lambda: len(clock.offsets()) >= 6)
        print(f"\nOBS over {protocol}: the beep is {flash.median(clock.offsets()) * 1e3:+.1f} ms after the flash", end="")
        # OBS puts pictures on its own beat of 33 ms, and sound on one of 21 ms.
        assert spare.keeps("the beep", abs(flash.median(clock.offsets())), 0.060)
        obs.screenshot(shots / f"obs-{protocol.lower()}.png")
        page.screenshot(path=str(shots / f"viewer-{protocol.lower()}.png"))
        page.context.close()
    ingest.wait_ended()


def test_obs_with_b_frames_is_cut_off(server, client, film, tmp_path):
    """OBS makes them unless it is told otherwise. It shows no reason that a server gives, so the event and the log have to."""
    stage = Stage(client)
    ingest = Ingest(stage)
    with Obs(tmp_path / "obs", stage.stage["endpoints"]["rtmp"], ingest.key, film, preset="veryfast", x264="") as obs:
        refused = "PUBLISH_ERROR(B_FRAME_PRESENT)"
        until("it is refused", lambda: client.list_stage_sessions(stageArn=stage.arn)["stageSessions"] and refused in stage.names(ingest.participant), 60)
        until("OBS knows", lambda: "Disconnected from" in obs.said())
    client.delete_stage(arn=stage.arn)
