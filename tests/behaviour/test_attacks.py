"""No description does anything but be read: each attack, in a real browser, under the site's own policy."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from csp.utils import build_policy
from django.conf import settings
from django.template.loader import render_to_string
from playwright.sync_api import Browser, Dialog, Page, Route, ViewportSize

import inside
from archives import forge
from attacks import ATTACKS, MARKDOWN
from browsing import DESKTOP, PHONE
from entrepot import fragment, readme
from entrepot.projects.descriptions import ShownDescription
from entrepot.refusal import Refused
from scripted import Asked, Reply, Scripted, scripted
from serving import Server
from uploading import upload

STATIC = Path(fragment.__file__).parent / "web/static/entrepot"
POLICY = build_policy(config=settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>demo</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="/static/favicon.svg">
<link rel="stylesheet" href="/static/site.css"><link rel="stylesheet" href="/static/readme.css"></head>
<body><main id="content"><h1>demo</h1><h2>Description</h2>{}<p id="after">after</p></main></body></html>"""
WATCH = """window.violations = [];
addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective));"""
LOOK = """() => ({
    pwned: window.pwned,
    violations,
    title: document.title,
    base: document.baseURI,
    headings: [...document.querySelectorAll('h1, h2')].map(each => each.textContent),
    main: [...document.querySelector('main').children].slice(-1)[0].id,
    body: [...document.body.children].map(each => each.localName),
    natural: typeof document.getElementById === 'function' && typeof document.querySelector === 'function'
        && typeof document.cookie === 'string' && document.body instanceof HTMLBodyElement
        && document.forms.length === 0
        && navigator instanceof Navigator && window.config === undefined
        && document.getElementById('content').localName === 'main',
    elements: [...document.querySelectorAll('.readme, .readme *')].map(
        each => [each.localName, each.namespaceURI, Object.fromEntries(
            [...each.attributes].map(attribute => [attribute.name, attribute.value]))]),
})"""
PARTS = 6
XHTML = "http://www.w3.org/1999/xhtml"
ATTRIBUTES = {
    *("href", "title", "rel", "src", "alt", "loading", "width", "height", "align", "class", "id", "start", "colspan"),
    *("rowspan", "tabindex", "dir", "role", "aria-label"),
}


@pytest.fixture(scope="module")
def host() -> Iterator[Scripted]:
    """The site's own files and images; the page is what a test sets."""

    def answer(asked: Asked) -> Reply:
        path = urlsplit(asked.target).path
        if path.startswith("/static/"):
            kind = "text/css" if path.endswith(".css") else "image/svg+xml"
            return Reply(headers={"Content-Type": kind}, body=(STATIC / path.removeprefix("/static/")).read_bytes())
        if path.startswith("/image/"):
            return Reply(headers={"Content-Type": "image/png"}, body=PIXEL)
        return Reply(404)

    with scripted(answer) as running:
        yield running


class Visit:
    """Pages in one browser, which tells what they tried."""

    def __init__(self, browser: Browser, host: Scripted) -> None:
        self._context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
        self._context.add_init_script(WATCH)
        self._files = host.answer
        self._host = host
        self.page: Page = self._context.new_page()
        self.tried: list[str] = []
        self.page.on("dialog", self._dismiss)
        self.page.on("console", lambda message: self.tried.append(message.text))
        self.page.on("pageerror", lambda error: self.tried.append(str(error)))
        self._context.on("page", lambda page: self.tried.append(f"opened {page.url}"))
        self._context.route("**/*", self._route)

    def _dismiss(self, dialog: Dialog) -> None:
        self.tried.append(dialog.type)
        dialog.dismiss()

    def _route(self, route: Route) -> None:
        if route.request.url.startswith(self._host.url + "/"):
            route.continue_()
        else:
            self.tried.append(f"asked {route.request.url}")
            route.abort()

    def show(self, html: str) -> None:
        """Load a page of the site with this inside."""
        page = Reply(
            headers={"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY},
            body=PAGE.format(html.replace("\x00", "&#0;")).encode(),
        )
        self._host.answer = lambda asked: page if asked.target == "/project/demo/" else self._files(asked)
        self.tried.clear()
        self.page.goto(f"{self._host.url}/project/demo/", wait_until="load")

    def close(self) -> None:
        self._host.answer = self._files
        self._context.close()


@pytest.fixture
def visit(browser: Browser, host: Scripted) -> Iterator[Visit]:
    visiting = Visit(browser, host)
    yield visiting
    visiting.close()


def description(text: str, content_type: str) -> ShownDescription:
    """As a release has it: an upload whose description cannot be rendered is refused, older ones are shown as text."""
    try:
        html = readme.render(text, content_type)
    except Refused as refusal:
        return ShownDescription(failed=refusal.message, text=text)
    return ShownDescription(html=fragment.finished(html, image=lambda url: f"/image/0/{url}", table="Table"))


def test_there_are_attacks_of_all_kinds() -> None:
    assert len(ATTACKS) > 150


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_happens(visit: Visit, part: int) -> None:
    """Many in one test, because a page of a browser takes long to open."""
    faults = {}
    for name, (text, content_type) in list(ATTACKS.items())[part::PARTS]:
        visit.show(render_to_string("project/description.html", {"description": description(text, content_type)}))
        found = wrong(visit)
        if found:
            faults[name] = found
    assert faults == {}, json.dumps(faults, indent=1)[:5000]


def wrong(visit: Visit) -> list[str]:
    """What is not as it should be on the page that is shown."""
    seen = visit.page.evaluate(LOOK)
    url = visit.page.url
    faults = [*visit.tried, *seen["violations"]]
    wanted = {
        "pwned": None,
        "title": "demo",
        "base": url,
        "headings": ["demo", "Description"],
        "main": "after",
        "body": ["main"],
        "natural": True,
    }
    faults += [f"{key}: {seen[key]}" for key, value in wanted.items() if seen[key] != value]
    for element, namespace, attributes in seen["elements"]:
        faults += [f"<{element}> of {namespace}"] if namespace != XHTML or element not in fragment._TAGS else []
        faults += [f"<{element} {name}>" for name in attributes if name not in ATTRIBUTES]
        faults += [f"{key}={value}" for key, value in attributes.items() if not is_harmless(element, key, value)]
    return faults


def is_harmless(element: str, name: str, value: str) -> bool:
    harmless = {
        "href": value.startswith(("https://", "http://", "mailto:", "#user-content-")),
        "src": value.startswith("/image/0/"),
        "id": value.startswith("user-content-"),
        "role": (element, value) == ("div", "group"),
        "tabindex": value == "0",
        "class": {"alert", "button", "skip", "messages", "hidden", "command"}.isdisjoint(value.split()),
    }
    return harmless.get(name, True)


def test_the_policy_alone_would_stop_scripts(visit: Visit) -> None:
    """Were they not cleaned at all, nothing would run either."""
    stopped = 0
    for name in ("script", "event", "svg-onload", "event-details", "iframe-srcdoc", "mxss-math", "script-data", "base"):
        visit.show(MARKDOWN[name])
        assert visit.page.evaluate("window.pwned") is None
        assert visit.page.evaluate("document.baseURI") == visit.page.url
        assert not [each for each in visit.tried if each.startswith(("alert", "asked"))], name
        stopped += bool(visit.tried)
    assert stopped > 5


SAMPLE = """# Demo

![Build passing](https://images.example/badge.svg) [![](https://images.example/docs.png)](https://docs.example/)

### Skips a level

[Install](#installing) · [relative](docs/x.md) · שלום

- [x] done
- [ ] open

| Name | Value |
|------|-------|
| {} | 2 |

> [!NOTE]
> Read this.

## Installing

```python
# a comment
@decorated
def answer(question: str = "six") -> int:
    return 6 * 9  # 42
```

```mermaid
graph TD
```

<details><summary>More</summary>Text[^1]</details>

[^1]: A note.
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_read_it(visit: Visit, scheme: str, screen: ViewportSize) -> None:
    wide = SAMPLE.format("x" * 200)
    visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    visit.page.set_viewport_size(screen)
    visit.show(render_to_string("project/description.html", {"description": description(wide, "text/markdown")}))
    found = Axe().run(visit.page)
    assert found.violations_count == 0, found.generate_report()
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visit.page.evaluate("[...document.querySelectorAll('h3, h4, h5')].map(each => each.localName)") == [
        *("h3", "h4", "h4"),
    ]
    visit.page.get_by_role("link", name="Install").click()
    assert visit.page.evaluate("document.querySelector(':target').textContent") == "Installing"
    colours = visit.page.evaluate(
        "new Set([...document.querySelectorAll('pre span')].map(e => getComputedStyle(e).color)).size"
    )
    assert colours >= 5
    assert visit.tried == []


@pytest.mark.parametrize("state", ["pending", "failed", "blank"])
def test_what_is_told_instead(visit: Visit, state: str) -> None:
    shown = {
        "pending": ShownDescription(pending=True, text="<b>as written</b>", cut=True),
        "failed": ShownDescription(failed="It is too deep.", text="<b>as written</b>"),
        "blank": ShownDescription(),
    }[state]
    visit.show(render_to_string("project/description.html", {"description": shown}))
    words = {"pending": "is being prepared", "failed": "It is too deep.", "blank": "has no description"}[state]
    assert words in visit.page.inner_text("main")
    assert ("<b>as written</b>" in visit.page.inner_text("main")) is (state != "blank")
    assert ("The rest is left out" in visit.page.inner_text("main")) is (state == "pending")
    assert Axe().run(visit.page).violations_count == 0


def test_a_worker_renders_what_is_uploaded(site: Server) -> None:
    """The whole way: by HTTP, through the journal, into the row that pages read."""
    text = "# Hello\n\n<script>alert(1)</script>\n\n![x](https://images.example/a.png)\n"
    metadata = forge.core_metadata("attacked", "1.0", more=f"Description-Content-Type: text/markdown\n\n{text}")
    built = forge.wheel("attacked", "1.0", metadata=metadata)
    assert upload(site, built.filename, built.data, name="attacked", version="1.0").status == 200
    select = (
        "SELECT html FROM projects_description JOIN projects_file ON file_id = projects_file.id "
        "WHERE filename = ? AND renderer <> ''"
    )
    inside.eventually(lambda: bool(inside.query(site, select, built.filename)))
    ((html,),) = inside.query(site, select, built.filename)
    assert "<h3" in str(html)
    assert "<script" not in str(html)
