"""Project descriptions as HTML that is safe to show: reStructuredText, Markdown (GFM, CommonMark), plain text.

A description is written by strangers, and some take minutes to render: docutils is pure Python, and the highlighting
of Markdown is quadratic in the number of `<pre>` tags (350 KB take half a minute). Both would hold the interpreter's
lock and stop every other request of the process, so they run in a child, `python -m entrepot.readme FD`, with a limit
of time and of memory. Starting one costs more than rendering most texts, so children are kept and used again.
"""

import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
from email.message import EmailMessage
from functools import cache
from importlib.metadata import version
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, LifoQueue

from readme_renderer import markdown, rst, txt

from entrepot.fragment import fit
from entrepot.refusal import Refused, Unavailable

TIME_LIMIT = 5  # seconds
WAIT_LIMIT = 10  # seconds until a child is free
MEMORY_LIMIT = 1024**3  # bytes of address space
HTML_LIMIT = 8 * 1024 * 1024  # characters
EDITION = 2  # one more when all descriptions are to be rendered anew
RENDERER = f"{EDITION} readme-renderer {version('readme-renderer')}"
CHILDREN = 2  # so that one slow text does not make all others wait

_COMPLAINT = re.compile(r"<string>:(?P<line>\d*): \([A-Z]+/\d\) (?P<text>.*)")


def check_description(text: str, content_type: str) -> None:
    """Refuse a description that cannot be rendered, with the first complaint of the renderer and its line.

    Takes the fields Description and Description-Content-Type of valid core metadata.
    Raises Refused("description-not-rendered").
    """
    render(text, content_type)


def render(text: str, content_type: str) -> str:
    """The description as HTML that is `fit` to be shown, `""` when it is blank.

    Takes and raises what `check_description` does.
    """
    if not text.strip():
        return ""
    header = EmailMessage()
    header["Content-Type"] = content_type or "text/x-rst"
    match header.get_content_type():
        case "text/plain":
            return _render_apart(text, "plain")
        case "text/markdown":
            return _render_apart(text, header["Content-Type"].params.get("variant", "GFM"))
        case _:
            return _render_apart(text, "reStructuredText")


class _Child:
    """A process that renders one text after the other. When it is stuck or dies, the next text gets a new one."""

    def __init__(self) -> None:
        self._running: tuple[subprocess.Popen[bytes], Connection] | None = None

    def render(self, text: str, markup: str) -> str:
        if self._running is None or self._running[0].poll() is not None:
            self._running = _started()
        process, pipe = self._running
        try:
            html, complaint = _answer(pipe, text, markup)
        except (TimeoutError, EOFError) as failure:
            self._running = None
            pipe.close()
            process.kill()
            process.wait()
            stuck = isinstance(failure, TimeoutError)
            reason = f"it takes more than {TIME_LIMIT} seconds" if stuck else "it is too large or too deeply nested"
            raise _refused(markup, reason) from None
        if complaint:
            raise _refused(markup, complaint)
        return html


def _answer(pipe: Connection, text: str, markup: str) -> tuple[str, str]:
    pipe.send_bytes(json.dumps([text, markup]).encode())
    if not pipe.poll(TIME_LIMIT):
        raise TimeoutError
    html, complaint = json.loads(pipe.recv_bytes())
    return html, complaint


def _started() -> "tuple[subprocess.Popen[bytes], Connection]":
    ours, theirs = Pipe()
    # -P: the working directory must not lend the child its modules; likewise, it may hold no settings for docutils.
    command = [sys.executable, "-P", "-X", "utf8", "-m", "entrepot.readme", str(theirs.fileno())]
    process = subprocess.Popen(
        command,
        env={**os.environ, "DOCUTILSCONFIG": os.devnull},
        pass_fds=[theirs.fileno()],
        stderr=subprocess.DEVNULL,
    )
    theirs.close()
    return process, ours


@cache
def _children() -> "LifoQueue[_Child]":
    """Those that are idle, the one used last in front."""
    children: LifoQueue[_Child] = LifoQueue()
    for _ in range(CHILDREN):
        children.put(_Child())
    return children


def _render_apart(text: str, markup: str) -> str:
    try:
        child = _children().get(timeout=WAIT_LIMIT)
    except Empty:
        raise Unavailable("try-later", "Too many descriptions are waiting to be rendered; please try again.") from None
    try:
        return child.render(text, markup)
    finally:
        _children().put(child)


def _refused(markup: str, reason: str) -> Refused:
    message = f"The description failed to render as {markup}: {reason.rstrip('.')}."
    return Refused("description-not-rendered", message, "description")


def main() -> None:
    """The child: takes text and markup, gives HTML and a complaint, one of them empty, until the parent is gone."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    pipe = Connection(int(sys.argv[1]))
    while True:
        try:
            text, markup = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        signal.alarm(2 * TIME_LIMIT)  # ends a child whose parent is gone
        pipe.send_bytes(json.dumps(rendered(text, markup)).encode())
        signal.alarm(0)


def rendered(text: str, markup: str) -> tuple[str, str]:
    """What the child answers: HTML and a complaint, one of them empty."""
    complaints = io.StringIO()
    html: str | None
    if markup == "plain":
        html = f'<div class="plain">{txt.render(text)}</div>'
    elif markup == "reStructuredText":
        html = rst.render(text, stream=complaints)
    else:
        html = markdown.render(text, variant=markup)
    if html is None:
        return "", _first(complaints.getvalue())
    if len(html) > HTML_LIMIT:
        return "", f"its HTML has more than {HTML_LIMIT} characters"
    return fit(html), ""


def _first(complaints: str) -> str:
    found = _COMPLAINT.search(complaints)
    if found is None:
        return "nothing is left to show"
    return f"line {found['line']}: {found['text']}" if found["line"] else found["text"]


if __name__ == "__main__":
    main()
