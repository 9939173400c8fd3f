"""The console in Chromium: pages at a width and in a theme, and what is looked at on each."""

from pathlib import Path

from playwright.sync_api import Page, expect

from browser import PATIENCE_MS

# What the pages show comes when the server, the browser and an encoder have had their turns on a machine that may be busy.
expect.set_options(timeout=PATIENCE_MS)

ROOT = Path(__file__).parents[3]
AXE = ROOT / "js/console/node_modules/axe-core/axe.min.js"
# Where the console of `dev` signs.
REGION = "us-east-1"

# What stands out to the right of the window or is cut off within its element; what scrolls inside of itself or is cut with an ellipsis is
# meant to, and so is what only screen readers read.
OVERFLOWING = """() => {
  const found = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const name = (element) => `${element.tagName.toLowerCase()}.${element.className} "${(element.textContent ?? '').trim().slice(0, 40)}"`;
  const scrolls = (element) => element && (/auto|scroll/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
  for (const element of document.querySelectorAll('body *')) {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    if (!element.checkVisibility({ visibilityProperty: true }) || box.width < 2 || box.height < 2 || scrolls(element)) continue;
    if (element.closest('svg, .unseen, .skip')) continue;
    if (box.right > width + 1 || box.left < -1) found.push(`outside: ${name(element)}`);
    const isCut = style.overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1 && style.textOverflow !== 'ellipsis';
    if (isCut && !/INPUT|TEXTAREA|SELECT|VIDEO|CANVAS/.test(element.tagName)) found.push(`cut off: ${name(element)}`);
  }
  return found;
}"""

FAULTS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary.split('\\n')[1] ?? ''}`).join('; ')}`);
}"""


class Console:
    """A tab with the console. It notes errors, and what is asked of other servers."""

    def __init__(self, browser, server, width=1280, theme="light", **options):
        self.origin = server.http
        context = browser.chromium.new_context(
            permissions=["camera", "microphone"], viewport={"width": width, "height": 900}, color_scheme=theme, **options
        )
        context.set_default_timeout(PATIENCE_MS)
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._said)
        self.page.on("request", self._asked)

    def _said(self, message) -> None:
        # Who is put out ends its publish too, and may find that the server was first.
        is_gone = "404" in message.text and message.location["url"].startswith(f"{self.origin}/whip/")
        if message.type == "error" and not is_gone:
            self.problems.append(f"{message.text} {message.location['url']}")

    def _asked(self, request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.problems.append(f"asked of others: {request.url}")

    def open(self, route: str, heading: str | None = None) -> None:
        """Shows a route, and waits until all of it is loaded."""
        self.page.goto(f"{self.origin}/{route}")
        main = self.page.locator("main")
        (main.get_by_role("heading", level=1, name=heading) if heading else main.get_by_role("heading", level=1)).first.wait_for()
        expect(main.get_by_text("Loading…")).to_have_count(0)

    def overflowing(self) -> list[str]:
        return self.page.evaluate(OVERFLOWING)

    def faults(self) -> list[str]:
        """What axe finds serious."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text())
        return self.page.evaluate(FAULTS)

    def press(self, name: str, within=None) -> None:
        (within or self.page).get_by_role("button", name=name, exact=True).click()

    def close(self) -> None:
        self.page.context.close()
