"""The client library through bad weather: a server that starts anew, sockets that break, and a network that is gone for a while."""

import time

import pytest

import network
from browser import CHROMIUM
from cut import Cut
from downstage import Stage, until
from guests import SMALL, Guest, blank
from studio import Studio

KEYS = "AKCLIENT:0123456789abcdef:123456789012"


def guest(page, stage, name, *capabilities, **wish) -> Guest:
    token = stage.token(*capabilities, userId=name)
    made = Guest(page, name, token["token"], **wish)
    assert made.refusal is None, made.refusal
    made.id = token["participantId"]
    return made


def frames(seen, name="ana") -> int:
    return seen[name]["video"]["framesDecoded"]


def test_guests_come_back_to_a_server_that_starts_anew(own_server, browser):
    server = own_server(lasting=True).start()
    stage = Stage(server.client())
    pages = [blank(browser, server) for _ in range(2)]
    ana = guest(pages[0], stage, "ana", publish=SMALL)
    ben = guest(pages[1], stage, "ben", "SUBSCRIBE")
    ben.sees("ana")
    for stop in (server.kill, server.stop):
        said = len(ben.told())
        session = stage.session()
        stop()
        for each in (ana, ben):
            until("it is noticed", lambda: each.states()[-1] == "connecting")
        server.start(again=True)
        began = time.monotonic()
        for each in (ana, ben):
            until("it is connected again", lambda: each.states()[-1] == "connected", 40)
        until("the stream is another one", lambda: ["stageParticipantStreamsAdded", "ana", ["audio", "video"]] in ben.told()[said:] or
              ["stageParticipantStreamsAdded", "ana", ["video", "audio"]] in ben.told()[said:], 40)
        ben.sees("ana")
        print(f"\npictures again {time.monotonic() - began:.1f} s after the server", end="")
        assert stage.session() != session
    for each in (ana, ben):
        assert not each.told("error") and not each.told("stageLeft")
        assert each.states() == ["connecting", "connected"] * 3
    for page in pages:
        page.context.close()


def test_pictures_go_on_while_only_the_socket_is_lost(server, client, browser):
    stage = Stage(client)
    with Cut(server.http) as cut, Studio(client) as studio:
        # Tokens that lead through the wire.
        stage.stage["endpoints"]["events"] = stage.stage["endpoints"]["events"].replace(
            server.http.rsplit(":", 1)[1], str(cut.port))
        page = blank(browser, server)
        ana = Guest(page, "ana", studio.participant(stage, "ana", user_id="ana"), publish=SMALL)
        ben = Guest(page, "ben", studio.participant(stage, "ben", user_id="ben"))
        assert (ana.refusal, ben.refusal) == (None, None)
        seen = ben.sees("ana")
        said = len(ben.told())
        cut.cut()
        for each in (ana, ben):
            until("the socket is back", lambda: each.states() == ["connecting", "connected"] * 2)
        after = ben.sees("ana", after=seen)
        assert frames(after) > frames(seen)
        assert [each for each in ben.told()[said:] if each[0] != "stageConnectionStateChanged"] == [], "nothing else was noticed"
        assert stage.names("ben") == ["JOINED", "SUBSCRIBE_STARTED"]
        ana.change(publish=None)
        ben.wait_told("stageParticipantLeft", "ana")
        page.context.close()
    client.delete_stage(arn=stage.arn)


@pytest.mark.skipif(bool(network.refusal()), reason=network.refusal() or "-")
@pytest.mark.parametrize("seconds", [5, 40])
def test_a_network_that_was_gone_is_made_up_for(own_server, browser, tmp_path, seconds):
    """Ana's browser is behind a link that loses everything for a while; she publishes, and sees ben."""
    with network.Namespace() as behind:
        server = own_server(
            "--media-workers", "1", mode="serve", address=behind.near, environment={"DOWNSTAGE_ACCESS_KEYS": KEYS}
        ).start()
        access_key, secret_key, _ = KEYS.split(":")
        stage = Stage(server.client(access_key, secret_key))
        there = browser.launch(behind.program(tmp_path, CHROMIUM))
        ana = guest(blank(browser, server, there), stage, "ana", publish=SMALL)
        here = blank(browser, server)
        ben = guest(here, stage, "ben", publish=SMALL)
        ben.sees("ana")
        ana.sees("ben")
        behind.silence()
        # How long it lasts is what is tested.
        time.sleep(seconds)
        told = ana.told()[-3:]
        seen = ana.received().get("ben")
        behind.mend()
        mended = time.monotonic()
        until("ana is connected", lambda: ana.states()[-1] == "connected", 40)
        ben.sees("ana", after={"ana": {}} if seconds > 30 else ben.received(), seconds=60)
        ana.sees("ben", after={"ben": {}} if seconds > 30 else {"ben": seen}, seconds=60)
        print(f"\n{seconds} s gone: all is seen {time.monotonic() - mended:.1f} s later; {ana.states()}; {told}", end="")
        assert not ana.told("error") and not ana.told("stageLeft"), ana.told()
        if seconds > 30:
            assert ana.states() == ["connecting", "connected"] * 2
            assert ben.told("stageParticipantLeft") == [["stageParticipantLeft", "ana"]]
        here.context.close()
        there.close()
