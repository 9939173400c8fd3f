"""What encoders may not send, sent by real ones: each is cut off, and the event list, the log, the counters and the encoder say why."""

import re
from contextlib import ExitStack

import pytest

import rtmp
from downstage import Stage, until
from ingest import Ingest, counters
from rtmp import FFMPEG_5, FFMPEG_9, Ffmpeg, Program, h264
from spare import Spare

SMALL = {"size": "320x180", "rate": 15}
HEAVY = [*h264(9_500), "-minrate", "9500k", "-nal-hrd", "cbr", "-x264-params", "nal-hrd=cbr:filler=1:sliced-threads=0"]
B_FRAMES = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-b:v", "300k", "-g", "30"]
# By error code and name: what FFmpeg is told to send.
BROKEN = {
    "B_FRAME_PRESENT": {"b-frames": {**SMALL, "video": B_FRAMES}},
    "BITRATE_EXCEEDED": {"9.5 Mbit/s": {"size": "1280x720", "video": HEAVY}},
    "RESOLUTION_EXCEEDED": {"1280x800": {"size": "1280x800", "rate": 10}, "720x1288": {"size": "720x1288", "rate": 10}},
    "INVALID_AUDIO_CODEC": {
        "mp3": {**SMALL, "hertz": 44_100, "audio": ["-c:a", "libmp3lame", "-b:a", "64k"]},
        "speex": {**SMALL, "hertz": 16_000, "binary": FFMPEG_5, "audio": ["-c:a", "libspeex"]},
        "nellymoser": {**SMALL, "hertz": 44_100, "audio": ["-c:a", "nellymoser", "-ac", "1"]},
        "pcm": {**SMALL, "hertz": 44_100, "audio": ["-c:a", "pcm_s16le"]},
        "opus": {**SMALL, "audio": ["-c:a", "libopus"]},
    },
    "INVALID_VIDEO_CODEC": {
        "hevc": {**SMALL, "video": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:bframes=0"]},
        "av1": {**SMALL, "video": ["-c:v", "libsvtav1", "-preset", "12", "-g", "30"]},
        "vp9": {**SMALL, "video": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "30"]},
        "sorenson": {**SMALL, "binary": FFMPEG_5, "video": ["-c:v", "flv"]},
        "screen": {**SMALL, "video": ["-c:v", "flashsv", "-g", "15"]},
    },
    "INVALID_INPUT": {"no picture": {"picture": None}, "no sound": {**SMALL, "sound": None}},
}
CASES = [(code, name) for code, names in BROKEN.items() for name in names]


@pytest.fixture(scope="module")
def broken(server, tmp_path_factory):
    """All of them at once, each on a stage of its own: what takes time is to wait until the server has had enough."""
    folder = tmp_path_factory.mktemp("encoders")
    client = server.client()
    with ExitStack() as stack:
        found, spare = {}, Spare()
        for index, (code, name) in enumerate(CASES):
            ingest = Ingest(Stage(client, name=f"broken-{index}"))
            log = folder / f"{index}.log"
            program = stack.enter_context(Ffmpeg(ingest.url(), log=log, **BROKEN[code][name]))
            found[name] = (ingest, program, log, spare)
        yield found
        for ingest, *_ in found.values():
            client.delete_stage(arn=ingest.stage.arn)


@pytest.mark.parametrize(("code", "name"), CASES)
def test_what_may_not_be_sent_is_cut_off_with_its_reason(server, broken, code, name):
    ingest, program, log, spare = broken[name]
    stage = ingest.stage
    error = f"PUBLISH_ERROR({code})"

    def ended():
        sessions = stage.client.list_stage_sessions(stageArn=stage.arn)["stageSessions"]
        names = sessions and stage.names(ingest.participant)
        return names if names and names[-1] == "LEFT" else None

    names = until(f"{name} is refused", ended, 100)
    # What shows itself before the first key frame and sound are both there was never published.
    assert names in (["JOINED", error, "LEFT"], ["JOINED", "PUBLISH_STARTED", error, "PUBLISH_STOPPED", "LEFT"]), names
    if code not in ("BITRATE_EXCEEDED", "B_FRAME_PRESENT"):
        assert "PUBLISH_STARTED" not in names, names
    ingest.wait_state("INACTIVE")
    assert program.wait() != 0
    # Also where FFmpeg's coder takes seconds until it has something to send, and FFmpeg listens.
    said = log.read_text(errors="replace")
    # A coder that takes longer than the server's farewell hears nothing.
    is_slow = name in ("hevc", "av1", "vp9") and spare.was_none(f"{name} is coded too slowly")
    assert f"Server error: {code}" in said or is_slow, said[-1_500:]
    assert sum(value for name, value in counters(server).items() if code.lower() in name.lower()) >= 1
    lines = [line for line in server.log.read_text(errors="replace").splitlines() if code in line or code.lower() in line]
    assert any(ingest.arn in line and "127.0.0.1" in line for line in lines), lines[-5:]
    assert ingest.key not in server.log.read_text(errors="replace")


def test_he_aac_is_refused_however_it_is_said(server, stage, tmp_path):
    """An encoder of HE-AAC is not to be had freely; what tells it is the configuration that goes before the sound, which is changed here."""
    plain = tmp_path / "plain.flv"
    record(plain, hertz=44_100)
    explicit, hierarchical = tmp_path / "explicit.flv", tmp_path / "hierarchical.flv"
    # AAC LC of 22,050 Hz in two channels, with SBR up to 44,100 Hz: object type 5 (ISO/IEC 14496-3, 1.6.2.1), or the sync extension.
    explicit.write_bytes(with_audio_config(plain.read_bytes(), bytes.fromhex("2b920800")))
    hierarchical.write_bytes(with_audio_config(plain.read_bytes(), bytes.fromhex("139056e5a0")))
    for source in (explicit, hierarchical):
        ingest = Ingest(stage)
        with Ffmpeg(ingest.url(), source=source):
            stage.wait_for(ingest.participant, "JOINED", "PUBLISH_ERROR(INVALID_AUDIO_CODEC)", "LEFT")


def record(path, **arguments) -> None:
    """Two seconds of what an encoder would send."""
    with Ffmpeg(str(path), size="160x96", rate=15, seconds=2, **arguments) as program:
        assert program.wait() == 0


def with_audio_config(flv: bytes, config: bytes) -> bytes:
    """The file with another AudioSpecificConfig."""
    at = 13
    while at < len(flv):
        size = int.from_bytes(flv[at + 1 : at + 4])
        body = at + 11
        # Sound, of AAC, a sequence header.
        if flv[at] == 8 and flv[body] >> 4 == 10 and flv[body + 1] == 0:
            tag = flv[at : at + 1] + (2 + len(config)).to_bytes(3) + flv[at + 4 : body + 2] + config
            return flv[:at] + tag + len(tag).to_bytes(4) + flv[body + size + 4 :]
        at = body + size + 4
    raise AssertionError("no configuration of sound")


def refused(url: str, tmp_path, **arguments) -> str:
    """What FFmpeg prints of a publish that is refused."""
    log = tmp_path / "refused.log"
    with Ffmpeg(url, size="160x96", log=log, **arguments) as program:
        assert program.wait() != 0
    return log.read_text(errors="replace")


def test_plain_rtmp_is_refused_where_only_tls_is_wanted(server, stage, tmp_path):
    ingest = Ingest(stage, insecure=False)
    assert "INVALID_PROTOCOL" in refused(ingest.url("RTMP"), tmp_path)
    stage.wait_for(ingest.participant, "JOINED", "PUBLISH_ERROR(INVALID_PROTOCOL)", "LEFT")
    assert ingest.get()["state"] == "INACTIVE"
    with Ffmpeg(ingest.url("RTMPS"), certificate=server.certificate, size="160x96"):
        until("it publishes", lambda: stage.names(ingest.participant)[-1] == "PUBLISH_STARTED")


@pytest.mark.parametrize("protocol", ["RTMP", "RTMPS"])
@pytest.mark.parametrize("name", ["unknown", "malformed", "empty", "other-account", "other-configuration", "detached", "deleted"])
def test_a_key_that_names_nothing_is_refused(server, stage, tmp_path, protocol, name):
    ingest = Ingest(stage)
    other = Ingest(stage)
    head, secret = ingest.key.rsplit("_", 1)
    keys = {
        "unknown": f"{head}_{secret[::-1] if secret[::-1] != secret else secret.upper()}",
        "malformed": "my-stream",
        "empty": "",
        "other-account": ingest.key.replace(ingest.key.split("_")[1], "210987654321", 1),
        "other-configuration": f"{other.key.rsplit('_', 1)[0]}_{secret}",
    }
    if name == "detached":
        ingest.client.update_ingest_configuration(arn=ingest.arn, stageArn="")
    if name == "deleted":
        ingest.client.delete_ingest_configuration(arn=ingest.arn)
    before = counters(server)
    said = refused(ingest.url(protocol, keys.get(name)), tmp_path, certificate=server.certificate)
    assert ("NOT_ATTACHED" if name == "detached" else "INVALID_STREAM_KEY") in said, said[-1_500:]
    # The stage has heard of nobody.
    assert not stage.client.list_stage_sessions(stageArn=stage.arn)["stageSessions"]
    after = until("it is counted", lambda: (now := counters(server)) != before and now)
    changed = [each for each in after if "refus" in each and after[each] > before.get(each, 0)]
    assert changed, sorted(set(after.items()) - set(before.items()))
    log = server.log.read_text(errors="replace")
    assert secret not in log and secret[::-1] not in log


def test_a_second_encoder_with_the_key_is_refused_and_the_first_goes_on(server, stage, browser, tmp_path):
    from watching import pictures, watch

    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), size="320x180"):
        ingest.wait_begun()
        page = browser.page(server.http)
        watch(page, server, stage.token("SUBSCRIBE")["token"], ingest.participant)
        before = pictures(page, 20)
        assert "REUSE_OF_STREAM_KEY" in refused(ingest.url(), tmp_path)
        until("it is told", lambda: "PUBLISH_ERROR(REUSE_OF_STREAM_KEY)" in stage.names(ingest.participant))
        names = stage.names(ingest.participant)
        assert names == ["JOINED", "PUBLISH_STARTED", "PUBLISH_ERROR(REUSE_OF_STREAM_KEY)"], names
        after = pictures(page, before["framesDecoded"] + 40)
        assert after["freezeCount"] == before["freezeCount"]
        assert ingest.get()["state"] == "ACTIVE"
        assert stage.participant(ingest.participant)["published"]
        page.context.close()


@pytest.mark.skipif(rtmp.RTMPDUMP is None, reason="rtmpdump is not installed")
def test_who_wants_to_play_is_refused(server, stage, tmp_path):
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), size="160x96"):
        ingest.wait_begun()
        log = tmp_path / "rtmpdump.log"
        with Program([rtmp.RTMPDUMP, "--live", "--rtmp", ingest.url(), "--flv", str(tmp_path / "got.flv"), "--verbose"], log) as dump:
            assert dump.wait() != 0
        got = tmp_path / "got.flv"
        assert not got.exists() or got.stat().st_size < 200, "nothing is played"
        with Program([FFMPEG_9, "-hide_banner", "-nostdin", "-i", ingest.url(), "-f", "null", "-"], log) as player:
            assert player.wait() != 0
        assert stage.names(ingest.participant) == ["JOINED", "PUBLISH_STARTED"]


def test_the_encrypted_dialect_of_rtmp_is_refused(server, stage, tmp_path):
    ingest = Ingest(stage)
    refused(re.sub("^rtmp:", "rtmpe:", ingest.url()), tmp_path)
    assert not stage.client.list_stage_sessions(stageArn=stage.arn)["stageSessions"]
