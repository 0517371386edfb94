"""A real browser, which complains about what it is shown."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

_ADDRESSES = itertools.count(1)
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP index.example 127.0.0.1",
]
DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=320, height=640)  # also what 1280 pixels come to at 400 % zoom
INSTALLER = Path(__file__).parents[1] / "tools" / "debian-packages"


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium; where it cannot be installed, the tests that need it are left out."""
    installer = subprocess.run([INSTALLER, "chromium"], check=False, capture_output=True, text=True)
    if installer.returncode == 3:
        pytest.skip(installer.stderr.strip())
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@contextmanager
def visit(browser: Browser, url: str, screen: ViewportSize = DESKTOP, scheme: str = "light") -> Iterator[Page]:
    """The page in a browser of its own, which has to have nothing to complain about."""
    context = browser.new_context(
        viewport=screen,
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        extra_http_headers={"X-Forwarded-For": f"10.200.0.{next(_ADDRESSES)}"},
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    yield page
    assert complaints == [], complaints
    context.close()
