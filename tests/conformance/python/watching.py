"""Watching a publisher by WHEP in a page of `browser.Browser.page`, and what comes of it."""

from downstage import until


def watch(page, server, token, publisher, name="viewer", kinds=("audio", "video"), **options):
    result = page.evaluate(
        "([name, url, token, options]) => subscribe(name, url, token, options)",
        [name, f"{server.http}/whip/subscribe/{publisher}", token, {"kinds": list(kinds), **options}],
    )
    assert result["status"] == 201, result
    return result


def pictures(page, count, name="viewer"):
    """Waits until that many pictures are decoded; gives the video's statistics."""

    def look():
        video = page.evaluate("(name) => received(name)", name).get("video", {})
        return video if video.get("framesDecoded", 0) >= count else None

    return until(f"{count} decoded pictures", look)


def sound(page, name="viewer"):
    """Waits until sound with energy in it is played; gives the audio's statistics."""

    def look():
        audio = page.evaluate("(name) => received(name)", name).get("audio", {})
        return audio if audio.get("totalAudioEnergy", 0) > 0.001 else None

    return until("sound with energy", look)
