"""An application written for the API of IVS runs as it is: only the import map of its page names another library."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

import pytest

from downstage import until

FOLDER = Path(__file__).parent / "application"
TYPES = {".html": "text/html", ".js": "text/javascript"}


@pytest.fixture(scope="module")
def site(server):
    """The application at an origin of its own, as usual; gives its address."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            path = FOLDER / self.path.rsplit("/", 1)[1]
            body = path.read_text() if path.is_file() else ""
            if path.suffix == ".html":
                body = Template(body).substitute(library=f"{server.http}/client/downstage-client.js")
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", TYPES.get(path.suffix, "text/plain"))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as listener:
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.server_port}"
        listener.shutdown()


def open_meeting(browser, server, site, **tokens):
    """A tab with the application."""
    page = browser.page(server.http)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(f"{site}/index.html#" + "&".join(f"{name}={token}" for name, token in tokens.items()))
    return page


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def wait_log(page, line):
    until(f"the log says {line!r}", lambda: line in page.evaluate("() => log") or None)


def plays(page, name):
    """Waits until the pictures of somebody's tile go on."""
    time = f"() => document.querySelector('#{name} video')?.currentTime ?? 0"
    begin = page.evaluate(time)
    until(f"{name} plays", lambda: page.evaluate(time) > begin + 0.5)


def test_a_meeting_runs_unchanged(server, site, stage, browser):
    attributes = {"meeting": "weekly", "participantGroup": "user"}
    ana, ben = (stage.token(userId=name, attributes=attributes) for name in ("ana", "ben"))
    screen = stage.token(userId="screen", attributes={"meeting": "weekly", "participantGroup": "display"})
    first = open_meeting(browser, server, site, token=ana["token"], screen=screen["token"])
    second = open_meeting(browser, server, site, token=ben["token"])
    for page in (first, second):
        press(page, "Join")
        wait_log(page, "ready user")
        press(page, "Publish")
    wait_log(first, "ana published")
    wait_log(second, "ben published")
    plays(first, "ben")
    plays(second, "ana")

    press(first, "Mute")
    until("ben is shown that ana is muted", lambda: "muted" in second.locator("#ana").get_attribute("data-state"))
    press(first, "Mute")
    until("and that she is not", lambda: "muted" not in second.locator("#ana").get_attribute("data-state"))

    press(first, "Publish anew")
    wait_log(second, "ana not_published")
    until("ana is there anew", lambda: second.locator("#ana").count() == 1)
    plays(second, "ana")
    told = first.evaluate("() => log.filter((line) => line.startsWith('ana '))")
    assert told == ["ana attempting_publish", "ana published", "ana not_published", "ana attempting_publish", "ana published"]

    press(first, "Share the screen")
    plays(second, "screen")
    until("a round trip", lambda: first.evaluate("() => roundTrip()") is not None)
    assert first.evaluate("() => version") == ["string", "function"]

    press(first, "Leave")
    until("both are gone", lambda: second.locator("#ana, #screen").count() == 0)
    assert second.locator("#ben").get_attribute("data-state") == "local publishing"
    # A tab that is closed leaves by itself.
    second.close(run_before_unload=True)
    until("ben has left", lambda: stage.names(ben["participantId"])[-1] == "LEFT")
    for page in (first, second):
        assert page.problems == []
    assert not [line for line in first.evaluate("() => log") if "rror" in line or "failed" in line]
    first.context.close()
    second.context.close()
