"""Guests: stages that pages join by the client library, which the server itself serves. client.js is their half in the page."""

from pathlib import Path

from playwright.sync_api import Page

from downstage import until

SCRIPT = (Path(__file__).parent / "client.js").read_text()

# A small picture, cheap to encode, and a tone.
SMALL = {"video": {"maxVideoBitrateKbps": 100}}


def blank(browser, server, chromium=None) -> Page:
    """A page of the server's origin in which guests can be."""
    page = browser.page(server.http, chromium)
    page.evaluate(f"() => {{ {SCRIPT} }}")
    return page


class Guest:
    """One stage of a page, joined or refused. `page` is one of Playwright's, or another with its `evaluate`; `shared` is what the page
    calls the connection that stages share."""

    def __init__(self, page, name: str, token: str, shared="", **wish):
        self.page = page
        self.name = name
        makes = f"configuration: () => ({{ realTimeConnection: {shared} }})" if shared else ""
        self.refusal = page.evaluate(
            f"([name, token, wish]) => enter(name, token, {{ wish, {makes} }})", [name, token, wish]
        )

    def call(self, function: str, *arguments):
        """Calls `function`, in JavaScript, with the guest and these arguments."""
        return self.page.evaluate(f"([name, ...given]) => ({function})(guests[name], ...given)", [self.name, *arguments])

    def change(self, **wish) -> None:
        self.call("(guest, wish) => guest.change(wish)", wish)

    def leave(self) -> None:
        self.call("(guest) => guest.stage.leave()")

    def told(self, *events: str) -> list[list]:
        """What it was told, of these events or of all."""
        return [each for each in self.call("(guest) => guest.told") if not events or each[0] in events]

    def wait_told(self, *wanted, seconds=40.0) -> None:
        """Waits until it was told this: an event with what came with it."""
        try:
            until(f"{self.name} is told", lambda: list(wanted) in self.told(wanted[0]), seconds)
        except AssertionError:
            raise AssertionError(f"{self.name} was not told {wanted}, but {self.told()}") from None

    def states(self) -> list[str]:
        """The states of its connection, one after the other."""
        return [each[1] for each in self.told("stageConnectionStateChanged")]

    def received(self) -> dict:
        return self.call("(guest) => guest.received()")

    def sees(self, *names: str, more=10, width=None, after: dict | None = None, seconds=40.0) -> dict:
        """Waits for so many pictures and packets of sound `more` of each of these than there were `after`; gives what is received."""

        def count(of, name, kind):
            return (of or {}).get(name, {}).get(kind, {}).get({"video": "framesDecoded", "audio": "packetsReceived"}[kind], 0)

        def look():
            found = self.received()
            enough = all(count(found, name, kind) >= count(after, name, kind) + more for name in names for kind in ("video", "audio"))
            # The width is told a moment after the first picture is.
            return found if enough and all(width in (None, found[name]["video"].get("frameWidth")) for name in names) else None

        try:
            return until("pictures", look, seconds)
        except AssertionError:
            raise AssertionError(f"{self.name} receives {self.received()}, and was told {self.told()}") from None
