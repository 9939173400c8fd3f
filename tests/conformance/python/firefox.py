"""Debian's Firefox with a fake camera and microphone, driven by its own remote protocol (Marionette).

It neither offers a loopback address as a candidate nor pairs one with others, so it runs in a network namespace, from where the server
is another host. That one has no way out: nothing of the browser's own business leaves the machine.
"""

import json
import os
import socket
import subprocess
from pathlib import Path

import network
from browser import SCRIPT
from downstage import until

FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")

PREFERENCES = {
    "marionette.port": 0,
    "media.autoplay.default": 0,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    # Windows that are covered by others play and count on as those in front do.
    "dom.min_background_timeout_value": 4,
    "widget.windows.window_occlusion_tracking.enabled": False,
    # Nothing is fetched or sent on its own account.
    "app.normandy.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.gmp-manager.url": "",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}

# Without Cisco's plugin, which Firefox downloads, H.264 comes from the system's FFmpeg if it is told that this is hardware.
H264 = {
    "gfx.blacklist.webrtc.hw.acceleration.h264": 1,
    "media.webrtc.encoder_creation_strategy": 1,
    "media.webrtc.hw.h264.enabled": True,
    "media.webrtc.platformencoder": True,
    "media.navigator.mediadatadecoder_h264_enabled": True,
}

# Calls a function with one argument, both given as text, and gives what it settles to.
CALL = """
const done = arguments[arguments.length - 1];
(async () => window.eval(`(${arguments[0]})`)(...JSON.parse(arguments[1])))().then(
  (value) => done(JSON.stringify({ value })), (error) => done(JSON.stringify({ error: `${error} ${error?.stack}` })));
"""


def refusal() -> str:
    """Why Firefox cannot be driven here; empty if it can."""
    if not os.access(FIREFOX, os.X_OK):
        return f"needs Firefox at {FIREFOX}"
    return network.refusal()


class Page:
    """A window of Firefox; `evaluate` is as Playwright's."""

    def __init__(self, firefox: "Firefox", handle: str):
        self.firefox = firefox
        self.handle = handle

    def evaluate(self, function: str, *argument):
        self.firefox.call("WebDriver:SwitchToWindow", handle=self.handle)
        text = self.firefox.call("WebDriver:ExecuteAsyncScript", script=CALL, args=[function, json.dumps(argument)])
        result = json.loads(text["value"])
        assert "error" not in result, result["error"]
        return result.get("value")

    def close(self) -> None:
        self.firefox.call("WebDriver:SwitchToWindow", handle=self.handle)
        self.firefox.call("WebDriver:CloseWindow")
        self.firefox.call("WebDriver:SwitchToWindow", handle=self.firefox.first)


class Firefox:
    """One Firefox in a namespace. Its first window stays empty, so that others can be closed."""

    def __init__(self, behind: network.Namespace, folder: Path, preferences: dict | None = None):
        self.behind = behind
        self.folder = folder
        self.preferences = {**PREFERENCES, "dom.securecontext.allowlist": behind.near, **(preferences or {})}
        self.calls = 0

    def __enter__(self) -> "Firefox":
        profile = self.folder / "profile"
        profile.mkdir()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in self.preferences.items()]
        (profile / "user.js").write_text("".join(lines))
        program = self.behind.program(self.folder, FIREFOX)
        with (self.folder / "firefox.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "--headless", "--no-remote", "--marionette", "--profile", str(profile)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "HOME": str(self.folder)},
            )
        try:
            self._connect(profile / "MarionetteActivePort")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _connect(self, port_file: Path) -> None:
        def port() -> str:
            assert self.process.poll() is None, f"Firefox ended: {(self.folder / 'firefox.log').read_text()[-2000:]}"
            return port_file.read_text().strip() if port_file.exists() else ""

        number = int(until("Firefox listens", port, 100))
        self.socket = self.behind.within(lambda: socket.create_connection(("127.0.0.1", number), timeout=120))
        self.stream = self.socket.makefile("rb")
        self._receive()
        self.call("WebDriver:NewSession", capabilities={})
        self.call("WebDriver:SetTimeouts", script=100_000, pageLoad=100_000)
        self.first = self.call("WebDriver:GetWindowHandle")["value"]

    def _receive(self):
        """One message: its length in digits, a colon, and JSON."""
        digits = b""
        while (byte := self.stream.read(1)) != b":":
            assert byte, "Firefox has closed the connection"
            digits += byte
        return json.loads(self.stream.read(int(digits)))

    def call(self, command: str, **parameters):
        self.calls += 1
        text = json.dumps([0, self.calls, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, number, error, value = self._receive()
        assert number == self.calls and error is None, f"{command}: {error}"
        return value

    def page(self, origin: str) -> Page:
        """A window of the server's origin that can publish and subscribe."""
        page = Page(self, self.call("WebDriver:NewWindow", type="window")["handle"])
        self.call("WebDriver:SwitchToWindow", handle=page.handle)
        self.call("WebDriver:Navigate", url=f"{origin}/healthz")
        page.evaluate(f"() => {{ {SCRIPT} }}")
        return page
