"""nginx, serving given bytes with given headers as static files: what there is to be compared with."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving import free_port

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"

# Headers that nginx makes itself, or that belong to the body as it is stored.
_OWN = {"content-length", "content-type", "date", "accept-ranges", "server", "connection"}

CONFIGURATION = """\
daemon off;
user {user};
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    server_tokens off;
    max_ranges 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{plain};
{locations}
    }}
    server {{
        listen 127.0.0.1:{caching};
        open_file_cache max=1000;
{locations}
    }}
}}
"""


@dataclass(frozen=True)
class Static:
    """A file to serve at `/NAME`, with these response headers."""

    name: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Nginx:
    """A running nginx: it listens at two URLs, without and with a cache of open files."""

    folder: Path
    urls: tuple[str, str]

    def etag(self, static: Static) -> str:
        """What it compares `If-None-Match` with, whatever ETag it sends: time of change and size."""
        status = (self.folder / static.name).stat()
        return f'"{int(status.st_mtime):x}-{status.st_size:x}"'


@contextmanager
def nginx(folder: Path, statics: Sequence[Static], *, workers: int) -> Iterator[Nginx]:
    """nginx with so many workers on free ports, with everything it writes below `folder`; stopped at the end."""
    folder.mkdir()
    for static in statics:
        (folder / static.name).write_bytes(static.body)
    plain, caching = free_port(), free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            user=pwd.getpwuid(os.getuid()).pw_name,
            workers=workers,
            folder=folder,
            plain=plain,
            caching=caching,
            locations="\n".join(_location(folder, static) for static in statics),
        )
    )
    process = subprocess.Popen([NGINX, "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(configuration)])
    try:
        _wait_for(plain, process)
        yield Nginx(folder, (f"http://127.0.0.1:{plain}", f"http://127.0.0.1:{caching}"))
    finally:
        process.terminate()
        process.wait(10)


def _location(folder: Path, static: Static) -> str:
    lines = [f"alias {folder}/{static.name};", f"default_type {_quoted(static.headers['content-type'])};"]
    lines += [f"add_header {name} {_quoted(value)};" for name, value in static.headers.items() if name not in _OWN]
    lines.append('add_header Last-Modified "";')
    return "\n".join([f"        location = /{static.name} {{", *(f"            {line}" for line in lines), "        }"])


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"nginx ended with {process.returncode}; is it installed, with its own configuration valid?")
