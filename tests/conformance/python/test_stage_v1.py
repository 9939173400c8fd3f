"""The `stage.v1` socket and its one peer connection, as browsers use them: many publishers, slots, resuming and growing."""

from contextlib import ExitStack

from cut import Cut
from downstage import Stage, until
from ffmpeg import Publisher

SIZES = ["320x180", "426x240", "320x240", "480x270"]


def join(page, server, stage, token, name="feed", **options) -> dict:
    """Opens the socket and its feed; gives what `joined` said."""
    url = f"{server.http.replace('http', 'ws', 1)}/events/{stage.arn.rsplit('/', 1)[1]}"
    return page.evaluate("([name, url, token, options]) => feed(name, url, token, options)", [name, url, token, options])


def received(page, name="feed") -> dict:
    return page.evaluate("(name) => feeds[name].received()", name)


def wait_for_pictures(page, sizes: dict[str, tuple[int, int]], count=20, name="feed") -> dict:
    """Waits until pictures of each of these publishers are decoded, in these sizes, and sound of each comes."""

    def look():
        found = received(page, name)
        for pid, (width, height) in sizes.items():
            video, audio = (found.get(pid, {}).get(kind, {}) for kind in ("video", "audio"))
            if video.get("framesDecoded", 0) < count or audio.get("packetsReceived", 0) < count:
                return None
            if (video["frameWidth"], video["frameHeight"]) != (width, height):
                return None
        return found

    try:
        return until("pictures of everybody", look, 100)
    except AssertionError:
        seen = {
            pid: {kind: (each.get("framesDecoded"), each.get("frameWidth"), each.get("packetsReceived")) for kind, each in of.items()}
            for pid, of in received(page, name).items()
        }
        frames = page.evaluate("(name) => feeds[name].frames.filter(({ type }) => type !== 'speakers').slice(-8)", name)
        raise AssertionError(f"wanted {sizes}, got {seen}; frames: {frames}") from None


def frames(page, kind, name="feed") -> list[dict]:
    return page.evaluate("([name, kind]) => feeds[name].frames.filter(({ type }) => type === kind)", [name, kind])


def bound(page, name="feed") -> set[str]:
    return {each["pid"] for each in page.evaluate("(name) => feeds[name].binds", name).values()}


def test_four_publishers_come_over_one_connection_and_the_pool_grows_by_need(server, stage, browser):
    publishers = [stage.token("PUBLISH", userId=f"p{index}") for index in range(4)]
    sizes = {
        token["participantId"]: tuple(int(side) for side in size.split("x")) for token, size in zip(publishers, SIZES)
    }
    page = browser.page(server.http)
    with ExitStack() as everybody:
        running = {}
        for token, size in list(zip(publishers, SIZES))[:2]:
            publisher = Publisher(f"{server.http}/whip", token["token"], size=size, rate=15, video_kbps=150, role="active")
            running[token["participantId"]] = everybody.enter_context(publisher)
        for token in publishers[:2]:
            stage.wait_for(token["participantId"], "JOINED", "PUBLISH_STARTED")

        viewer = stage.token("SUBSCRIBE", userId="viewer")
        joined = join(page, server, stage, viewer["token"], audio=2, video=2)
        assert joined["seq"] == 1 and joined["resumed"] == "no"
        assert sorted(slot["kind"] for slot in joined["slots"]) == ["audio", "audio", "video", "video"]
        first = dict(list(sizes.items())[:2])
        wait_for_pictures(page, first)

        for token, size in list(zip(publishers, SIZES))[2:]:
            publisher = Publisher(f"{server.http}/whip", token["token"], size=size, rate=15, video_kbps=150, role="active")
            running[token["participantId"]] = everybody.enter_context(publisher)
        before = wait_for_pictures(page, sizes)
        assert frames(page, "need"), "two slots of each kind are too few for four publishers"
        assert page.evaluate("() => [feeds.feed.offers, feeds.feed.answers]")[0] >= 2
        assert page.evaluate("() => feeds.feed.connection.connectionState") == "connected"

        # One leaves: its slots are free, and the others go on.
        gone = publishers[1]["participantId"]
        running[gone].end()
        until("the slots are free", lambda: gone not in bound(page))
        until("the delta", lambda: any(gone in frame.get("leave", []) for frame in frames(page, "delta")))
        rest = {pid: size for pid, size in sizes.items() if pid != gone}
        count = max(before[pid]["video"]["framesDecoded"] for pid in rest) + 15
        wait_for_pictures(page, rest, count)

        numbers = [frame["seq"] for frame in page.evaluate("() => feeds.feed.frames")]
        assert numbers == list(range(1, len(numbers) + 1)), "frames are numbered without gaps"
        report = {
            pid: (each["video"]["freezeCount"], round(each["video"]["totalFreezesDuration"], 2))
            for pid, each in received(page).items()
        }
        print(f"\nfreezes by publisher: {list(report.values())}")
        page.evaluate("() => feeds.feed.say({ type: 'leave' })")
        until("left", lambda: page.evaluate("() => feeds.feed.left") == "user-initiated")
        until("LEFT", lambda: stage.names(viewer["participantId"])[-1] == "LEFT")
    page.context.close()


def test_a_lost_socket_is_resumed_and_media_has_gone_on(own_server, browser):
    server = own_server("--liveness-timeout", "2s").start()
    stage = Stage(server.client())
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    page = browser.page(server.http)
    with Publisher(f"{server.http}/whip", publisher["token"], size="320x180", rate=15, video_kbps=150, role="active"):
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        with Cut(server.http) as cut:
            stage_id = stage.arn.rsplit("/", 1)[1]
            page.evaluate(
                "([url, token]) => feed('feed', url, token, { audio: 1, video: 1 })",
                [f"ws://127.0.0.1:{cut.port}/events/{stage_id}", viewer["token"]],
            )
            sizes = {publisher["participantId"]: (320, 180)}
            before = wait_for_pictures(page, sizes)
            cut.cut()
            until("the socket is lost", lambda: page.evaluate("() => feeds.feed.socket.readyState") == 3)
            pid = publisher["participantId"]
            without = wait_for_pictures(page, sizes, before[pid]["video"]["framesDecoded"] + 30)
            assert stage.names(viewer["participantId"]) == ["JOINED", "SUBSCRIBE_STARTED"], "it is not gone"
            resumed = page.evaluate("() => feeds.feed.resume()")
            assert resumed["resumed"] in ("replayed", "snapshot")
            assert "answer" not in resumed
            after = wait_for_pictures(page, sizes, without[pid]["video"]["framesDecoded"] + 30)
            freezes = after[pid]["video"]["freezeCount"] - before[pid]["video"]["freezeCount"]
            print(f"\nresumed: {resumed['resumed']}; freezes meanwhile: {freezes}")
            assert stage.names(viewer["participantId"]) == ["JOINED", "SUBSCRIBE_STARTED"]
            page.evaluate("() => feeds.feed.say({ type: 'leave' })")
            stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT")
    page.context.close()


def test_twelve_publishers_and_four_browsers_that_watch_them(server, stage, browser, tmp_path):
    publishers = [stage.token("PUBLISH") for _ in range(12)]
    sizes = {token["participantId"]: (192, 108) for token in publishers}
    tokens = [token["token"] for token in publishers]
    with Publisher(
        f"{server.http}/whip", tokens, size="192x108", rate=10, video_kbps=60, role="active", log=tmp_path / "ffmpeg.log"
    ):
        for token in publishers:
            stage.wait_for(token["participantId"], "JOINED", "PUBLISH_STARTED")
        page = browser.page(server.http)
        names = [f"viewer{index}" for index in range(4)]
        for name in names:
            # One offers all that the browser has.
            every = name == names[0]
            joined = join(page, server, stage, stage.token("SUBSCRIBE")["token"], name, audio=12, video=12, everyCodec=every)
            assert len(joined["slots"]) == 24
        for name in names:
            before = wait_for_pictures(page, sizes, name=name)
            count = max(each["video"]["framesDecoded"] for each in before.values()) + 20
            found = wait_for_pictures(page, sizes, count, name=name)
            lost = sum(each[kind]["packetsLost"] for each in found.values() for kind in ("audio", "video"))
            freezes = sum(each["video"]["freezeCount"] for each in found.values())
            print(f"\n{name}: {len(found)} publishers, {freezes} freezes, {lost} packets lost", end="")
            assert bound(page, name) == set(sizes)
        page.context.close()


def test_mute_is_told_to_those_who_watch(server, stage, browser):
    speaker, viewer = stage.token(userId="ana"), stage.token("SUBSCRIBE")
    page, camera = browser.page(server.http), browser.page(server.http)
    join(camera, server, stage, speaker["token"], audio=0, video=0)
    options = {"width": 320, "height": 180, "kbps": 150, "frameRate": 15}
    result = camera.evaluate(
        "([url, token, options]) => publish('camera', url, token, options)",
        [f"{server.http}/whip", speaker["token"], options],
    )
    assert result["status"] == 201, result
    join(page, server, stage, viewer["token"], audio=1, video=1)
    pid = speaker["participantId"]
    wait_for_pictures(page, {pid: (320, 180)})
    for muted in ({"audio": True, "video": False}, {"audio": True, "video": True}, {"audio": False, "video": False}):
        camera.evaluate("(muted) => feeds.feed.say({ type: 'mute', ...muted })", muted)
        update = {"id": pid, "userId": "ana", "attributes": {}, "audioMuted": muted["audio"], "videoStopped": muted["video"]}
        until("the delta", lambda: update in [each for frame in frames(page, "delta") for each in frame.get("update", [])][-1:])
    until("somebody speaks", lambda: any(each["pid"] == pid for frame in frames(page, "speakers") for each in frame["list"]))
    page.context.close()
    camera.context.close()
