"""What an operator does to an encoder that publishes, and what becomes of it; redundant pairs; and the quota."""

import signal

import pytest
from botocore.exceptions import ClientError

import rtmp
from downstage import Stage, until
from guests import Guest, blank
from ingest import Ingest, administration
from rtmp import Ffmpeg
from spare import Spare
from watching import pictures, sound, watch

TINY = {"size": "160x96", "rate": 15}


def code_of(call, **arguments) -> tuple[str, int]:
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    response = refusal.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_who_is_disconnected_is_detached_and_may_come_back_when_attached_again(stage, tmp_path):
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), **TINY) as ffmpeg:
        ingest.wait_begun()
        stage.client.disconnect_participant(stageArn=stage.arn, participantId=ingest.participant, reason="enough")
        ingest.wait_ended()
        assert ingest.get()["stageArn"] == ""
        assert ffmpeg.wait() != 0
    log = tmp_path / "detached.log"
    with Ffmpeg(ingest.url(), log=log, **TINY) as ffmpeg:
        assert ffmpeg.wait() != 0
    assert "NOT_ATTACHED" in log.read_text()
    attached = stage.client.update_ingest_configuration(arn=ingest.arn, stageArn=stage.arn)["ingestConfiguration"]
    assert (attached["streamKey"], attached["participantId"]) == (ingest.key, ingest.participant)
    with Ffmpeg(ingest.url(), **TINY):
        # In the session of before, or in another one if that has ended meanwhile.
        until("it publishes again", lambda: stage.names(ingest.participant)[-2:] == ["JOINED", "PUBLISH_STARTED"])


def test_a_configuration_that_is_active_is_changed_by_nobody_and_deleted_by_force(stage, client):
    ingest, other = Ingest(stage), Stage(client)
    with Ffmpeg(ingest.url(), **TINY) as ffmpeg:
        ingest.wait_begun()
        conflict = ("ConflictException", 409)
        assert code_of(client.update_ingest_configuration, arn=ingest.arn, stageArn=other.arn) == conflict
        assert code_of(client.update_ingest_configuration, arn=ingest.arn, stageArn="") == conflict
        assert code_of(client.update_ingest_configuration, arn=ingest.arn, redundantIngest=True) == conflict
        assert code_of(client.delete_ingest_configuration, arn=ingest.arn) == conflict
        assert code_of(client.delete_ingest_configuration, arn=ingest.arn, force=False) == conflict
        assert ffmpeg.process.poll() is None and ingest.get()["state"] == "ACTIVE"
        client.delete_ingest_configuration(arn=ingest.arn, force=True)
        stage.wait_for(ingest.participant, "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
        assert ffmpeg.wait() != 0
    assert code_of(client.get_ingest_configuration, arn=ingest.arn) == ("ResourceNotFoundException", 404)
    client.delete_stage(arn=other.arn)


def test_an_encoder_that_ends_leaves_a_configuration_that_may_be_moved(server, stage, client, browser):
    ingest, other = Ingest(stage), Stage(client)
    with Ffmpeg(ingest.url(), **TINY):
        ingest.wait_begun()
    ingest.wait_ended()
    client.update_ingest_configuration(arn=ingest.arn, stageArn=other.arn)
    with Ffmpeg(ingest.url(), **TINY):
        other.wait_for(ingest.participant, "JOINED", "PUBLISH_STARTED")
    client.delete_stage(arn=other.arn)


def test_a_deleted_stage_cuts_its_encoders_off(client, tmp_path):
    stage = Stage(client)
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), **TINY) as ffmpeg:
        ingest.wait_begun()
        client.delete_stage(arn=stage.arn)
        assert ffmpeg.wait() != 0
    ingest.wait_state("INACTIVE")
    assert ingest.get()["stageArn"] == ""
    client.delete_ingest_configuration(arn=ingest.arn)


def test_after_a_crash_the_configuration_is_inactive_and_the_encoder_comes_back(own_server, browser):
    server = own_server("--session-grace", "30s", lasting=True).start()
    stage = Stage(server.client())
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), **TINY) as ffmpeg:
        ingest.wait_begun()
        session = stage.session()
        server.kill()
        assert ffmpeg.wait() != 0
    server.start(again=True)
    stage.client = ingest.client = server.client()
    assert ingest.get()["state"] == "INACTIVE"
    events = ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"]
    until("the crash is told", lambda: stage.names(ingest.participant, session) == events)
    with Ffmpeg(ingest.url(), **TINY):
        until("it publishes", lambda: stage.session() and stage.names(ingest.participant)[-2:] == ["JOINED", "PUBLISH_STARTED"])
        page = browser.page(server.http)
        watch(page, server, stage.token("SUBSCRIBE")["token"], ingest.participant)
        pictures(page, 15)
        page.context.close()
        # A drain ends it with a word.
        assert server.stop() == 0


def test_an_encoder_whose_network_is_gone_is_gone_after_the_liveness_timeout(own_server):
    server = own_server("--liveness-timeout", "2s").start()
    stage = Stage(server.client())
    ingest = Ingest(stage)
    with Ffmpeg(ingest.url(), **TINY) as ffmpeg:
        ingest.wait_begun()
        # It says nothing, but its machine keeps the connection.
        ffmpeg.process.send_signal(signal.SIGSTOP)
        ingest.wait_ended()
        ffmpeg.kill()


def test_the_thirteenth_publisher_is_refused_however_it_comes(server, stage, browser, tmp_path):
    """Six and six of either kind, and one more of each."""
    ingests = [Ingest(stage) for _ in range(7)]
    page = browser.page(server.http)
    late = stage.token("PUBLISH")
    publish = "([name, url, token]) => publish(name, url, token, { width: 160, height: 96, kbps: 50, frameRate: 5 })"
    with Ffmpeg([each.url() for each in ingests[:6]], **TINY, video=rtmp.h264(60, 15)):
        for ingest in ingests[:6]:
            ingest.wait_begun()
        for index in range(6):
            token = stage.token("PUBLISH")["token"]
            assert page.evaluate(publish, [f"p{index}", f"{server.http}/whip", token])["status"] == 201
        log = tmp_path / "late.log"
        with Ffmpeg(ingests[6].url(), log=log, **TINY) as refused:
            assert refused.wait() != 0
        assert "QUOTA_EXCEEDED" in log.read_text()
        stage.wait_for(ingests[6].participant, "JOINED", "PUBLISH_ERROR(QUOTA_EXCEEDED)", "LEFT")
        assert page.evaluate(publish, ["late", f"{server.http}/whip", late["token"]])["status"] == 403
    page.context.close()


LEGS = {"size": "320x180", "rate": 30}


def active_leg(server, ingest) -> str:
    """Whose pictures viewers see."""

    def only():
        known = administration(server)["configurations"]
        streams = next(each["streams"] for each in known if each["arn"] == ingest.arn)
        active = [each["participantId"] for each in streams if each["activeLeg"]]
        return active[0] if len(active) == 1 else None

    return until("one leg is what viewers see", only)


def test_of_a_redundant_pair_one_is_killed_and_viewers_go_on(server, stage, browser):
    ingest = Ingest(stage, redundantIngest=True, userId="camera")
    first, second = ingest.credentials
    assert ingest.participant not in (first["participantId"], second["participantId"])
    page, guests = browser.page(server.http), blank(browser, server)
    with (
        Ffmpeg(ingest.url("RTMP", first["streamKey"]), **LEGS) as one,
        Ffmpeg(ingest.url("RTMPS", second["streamKey"]), certificate=server.certificate, **LEGS) as two,
    ):
        ingest.wait_begun()
        for leg in (first, second):
            stage.wait_for(leg["participantId"], "JOINED", "PUBLISH_STARTED")
        viewer = stage.token("SUBSCRIBE")
        watch(page, server, viewer["token"], ingest.participant)
        pictures(page, 30)
        guest = Guest(guests, "guest", stage.token("SUBSCRIBE", userId="guest")["token"])
        seen = guest.sees("camera")
        record = stage.participant(ingest.participant)
        assert (record["redundantIngest"], record["ingestConfigurationArn"], record["published"]) == (True, ingest.arn, True)
        listed = stage.client.list_participants(stageArn=stage.arn, sessionId=stage.session(), filterByPublished=True)["participants"]
        assert {each["participantId"] for each in listed} == {ingest.participant, first["participantId"], second["participantId"]}
        # A leg is not to be subscribed to.
        url = f"{server.http}/whip/subscribe/{first['participantId']}"
        refused = page.evaluate("([url, token]) => subscribe('leg', url, token)", [url, stage.token("SUBSCRIBE")["token"]])
        assert refused["status"] == 404, refused
        page.evaluate("() => watchGaps('viewer')")
        until("frames are noted", lambda: page.evaluate("() => gaps.frames") > 30)
        before = page.evaluate("() => received('viewer')")
        if active_leg(server, ingest) == second["participantId"]:
            first, second, one, two = second, first, two, one
        spare = Spare()
        one.kill()
        stage.wait_for(first["participantId"], "JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT")
        assert active_leg(server, ingest) == second["participantId"]
        after = pictures(page, before["video"]["framesDecoded"] + 150)
        gap = page.evaluate("() => gaps.longest")
        heard = page.evaluate("() => received('viewer')")["audio"]
        concealed = heard["concealedSamples"] - before["audio"]["concealedSamples"]
        print(f"\nlongest gap of pictures {gap:.0f} ms, {after['freezeCount'] - before['video']['freezeCount']} freezes, "
              f"{concealed / 48:.0f} ms of sound made up")
        # A key frame comes each second, and the silence of a dead one is waited for at most one more.
        assert spare.keeps("the gap", gap, 2_500)
        assert after["ssrc"] == before["video"]["ssrc"], "the same subscription"
        guest.sees("camera", after=seen)
        assert not guest.told("stageParticipantLeft", "stageParticipantStreamsRemoved", "error")
        assert stage.names(viewer["participantId"]) == ["JOINED", "SUBSCRIBE_STARTED"]
        assert stage.names(ingest.participant) == ["JOINED", "PUBLISH_STARTED"]
        # It comes back, and nobody notices.
        with Ffmpeg(ingest.url("RTMP", first["streamKey"]), **LEGS):
            until("the leg is back", lambda: stage.names(first["participantId"])[4:] == ["JOINED", "PUBLISH_STARTED"])
            before = pictures(page, after["framesDecoded"] + 1)
            again = pictures(page, before["framesDecoded"] + 60)
            assert again["freezeCount"] == before["freezeCount"], "nobody goes over without need"
            assert ingest.get()["state"] == "ACTIVE"
            # To disconnect one is to disconnect both.
            stage.client.disconnect_participant(stageArn=stage.arn, participantId=first["participantId"])
            ingest.wait_ended()
    for leg in (first, second):
        until("the leg has left", lambda: stage.names(leg["participantId"])[-2:] == ["PUBLISH_STOPPED", "LEFT"])
    assert ingest.get()["stageArn"] == ""
    page.context.close()
    guests.context.close()


def test_a_redundant_pair_over_a_leg_that_falls_silent(server, stage, browser):
    ingest = Ingest(stage, redundantIngest=True)
    first, second = ingest.credentials
    page = browser.page(server.http)
    with Ffmpeg(ingest.url(key=first["streamKey"]), **LEGS) as one:
        ingest.wait_begun()
        with Ffmpeg(ingest.url(key=second["streamKey"]), **LEGS) as two:
            stage.wait_for(second["participantId"], "JOINED", "PUBLISH_STARTED")
            watch(page, server, stage.token("SUBSCRIBE")["token"], ingest.participant)
            before = pictures(page, 30)
            sound(page)
            page.evaluate("() => watchGaps('viewer')")
            silent, other = (one, second) if active_leg(server, ingest) == first["participantId"] else (two, first)
            spare = Spare()
            silent.process.send_signal(signal.SIGSTOP)
            until("viewers see the other", lambda: active_leg(server, ingest) == other["participantId"])
            before = page.evaluate("() => received('viewer')")["video"]["framesDecoded"]
            pictures(page, before + 60)
            print(f"\nlongest gap of pictures {page.evaluate('() => gaps.longest'):.0f} ms")
            # A second of silence, and one until the next key frame.
            assert spare.keeps("the gap", page.evaluate("() => gaps.longest"), 3_500)
            silent.kill()
    page.context.close()
