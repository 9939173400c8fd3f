"""Debian's Chromium with a fake camera and microphone, and WHIP and WHEP spoken by a bare RTCPeerConnection in it."""

import os
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# How long it may take to start and to do what it is told, on a machine that may be busy.
PATIENCE_MS = 100_000

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

SCRIPT = "\n".join((Path(__file__).parent / name).read_text() for name in ("clients.js", "stage_v1.js", "playing.js"))


class Browser:
    """One Chromium for all tests; each page is a context of its own."""

    def __enter__(self) -> "Browser":
        self.playwright = sync_playwright().start()
        self.chromium = self.launch(CHROMIUM)
        return self

    def __exit__(self, *_) -> None:
        self.chromium.close()
        self.playwright.stop()

    def launch(self, executable: str):
        """Starts a Chromium by a program that takes its arguments; who calls closes it."""
        return self.playwright.chromium.launch(executable_path=executable, args=ARGUMENTS, timeout=PATIENCE_MS)

    def page(self, origin: str, chromium=None, **options) -> Page:
        """A page of the server's origin that can publish and subscribe; of another Chromium, if one is given."""
        context = (chromium or self.chromium).new_context(permissions=["camera", "microphone"], **options)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(SCRIPT)
        page = context.new_page()
        page.goto(f"{origin}/healthz")
        return page
