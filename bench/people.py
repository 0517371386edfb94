"""What a page costs whoever opens it: requests, bytes, and when its largest part is painted, in a real browser."""

from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from archives import forge
from bench.effort import Effort
from bench.report import Measured, Say
from browsing import CHROMIUM, FLAGS
from inside import eventually
from serving import Server, serving
from uploading import upload

PAGES = {"front": "/", "search": "/search/?q=measured", "project": "/project/measured/", "help": "/help/"}
DESCRIPTION = (
    "Summary: What it does, in one line\nDescription-Content-Type: text/markdown\n\n" + "# More\n\nWords. " * 300
)

# In milliseconds since the address was opened; what came over the wire, with its headers.
FIGURES = """async () => {
  const painted = await new Promise((resolve) =>
    new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
      .observe({ type: "largest-contentful-paint", buffered: true }));
  const [page] = performance.getEntriesByType("navigation");
  const parts = [page, ...performance.getEntriesByType("resource")];
  const bytes = (some) => some.reduce((sum, each) => sum + each.transferSize, 0);
  return {
    "requests": parts.length,
    "KB": bytes(parts) / 1024,
    "scripts, KB": bytes(parts.filter((each) => each.name.endsWith(".js"))) / 1024,
    "first byte after ms": page.responseStart,
    "largest paint after ms": painted,
  };
}"""


def measure(folder: Path, say: Say, effort: Effort) -> list[Measured]:
    """Open each page several times, each time with an empty cache."""
    with serving(folder / "data") as server, sync_playwright() as playwright:
        _fill(server)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        lines = []
        for what, path in PAGES.items():
            say(what)
            opened = [_open(browser, server.url + path) for _ in range(3 * effort.rounds)]
            lines.append(Measured(what, {name: median(each[name] for each in opened) for name in opened[0]}))
        browser.close()
    return lines


def _fill(server: Server) -> None:
    for version in ("1.0", "1.1", "2.0"):
        built = forge.wheel("measured", version, metadata=forge.core_metadata("measured", version, DESCRIPTION))
        assert upload(server, built.filename, built.data, name="measured", version=version).status == 200
    eventually(lambda: "measured" in server.get("/search/?q=measured&format=json").text)
    eventually(lambda: 'class="readme"' in server.get("/project/measured/").text)


def _open(browser: Browser, url: str) -> dict[str, Any]:
    context = browser.new_context(viewport={"width": 412, "height": 823})
    page: Page = context.new_page()
    page.goto(url, wait_until="networkidle")
    figures: dict[str, Any] = page.evaluate(FIGURES)
    context.close()
    return figures
