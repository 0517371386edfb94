"""A whole OpenStack Swift in one process, run by the interpreter of `.clients/swift`; `tests/swift.py` starts it.

Its arguments are a directory and, for each entry of CONDITIONS, a port (0 for any). It writes the ports to standard
output, in one line, once they answer.

Swift refuses `If-Match` on a PUT, which Amazon S3 has honoured since November 2024. Here it is added, in front of
Swift's proxy and under a lock; other ports show what a server does that knows less.
"""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import eventlet
from eventlet import wsgi
from eventlet.event import Event
from eventlet.semaphore import Semaphore

eventlet.monkey_patch()

# By name: in this directory `swift` is the tests' own module, for type checkers.
_utils = import_module("swift.common.utils")
_wsgi = import_module("swift.common.wsgi")
_ring = import_module("swift.common.ring")
_swob = import_module("swift.common.swob")
_s3request = import_module("swift.common.middleware.s3api.s3request")

Application = Callable[..., Iterable[bytes]]

CONDITIONS = ("honoured", "refused", "ignored")  # what the ports do with a conditional PUT
BACK_ENDS = ("account", "container", "object")
MODE = "entrepot.conditions"

SWIFT = """
[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = only
default = yes
"""
BACK_END = """
[DEFAULT]
devices = {directory}/devices
mount_check = false
swift_dir = {directory}
fallocate_reserve = 0
disable_fallocate = true
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """
[DEFAULT]
swift_dir = {directory}
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats bulk mode s3api tempauth copy slo conditions proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:mode]
paste.filter_factory = __main__:mode
conditions = {conditions}
[filter:conditions]
paste.filter_factory = __main__:conditions
[filter:tempauth]
use = egg:swift#tempauth
user_index_entrepot = secret .admin
[filter:s3api]
use = egg:swift#s3api
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""

_one_writer = Semaphore()
_validate_headers = _s3request.S3Request._validate_headers


def mode(_global: object, *, conditions: str, **_local: object) -> Callable[[Application], Application]:
    """The filter that tells the next ones what to do with conditions."""

    def factory(application: Application) -> Application:
        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            return application({**environ, MODE: conditions}, start_response)

        return answer

    return factory


def _validate_other_headers(request: Any) -> None:
    """Instead of what refuses `If-Match`; the signature, which covers it, was checked before."""
    environ = request.environ
    kept = {}
    if request.method == "PUT" and environ[MODE] != "refused":
        names = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
        kept = {name: environ.pop(name) for name in names if name in environ}
    _validate_headers(request)
    if environ[MODE] == "honoured":
        environ.update(kept)


_s3request.S3Request._validate_headers = _validate_other_headers


def conditions(_global: object, **_local: object) -> Callable[[Application], Application]:
    """The filter that compares what is there with the conditions of a PUT, one at a time."""

    def factory(application: Application) -> Application:
        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            named = {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"} & environ.keys()
            if environ["REQUEST_METHOD"] != "PUT" or not named:
                return application(environ, start_response)
            wanted = environ.pop("HTTP_IF_MATCH", None)
            with _one_writer:
                if wanted and wanted.strip('"') != _etag(application, environ):
                    response: Iterable[bytes] = _swob.HTTPPreconditionFailed()(environ, start_response)
                    return response
                return list(application(environ, start_response))

        return answer

    return factory


def _etag(application: Application, environ: dict[str, Any]) -> str | None:
    """The ETag of the object that a request is about, None when there is none."""
    answer = _wsgi.make_pre_authed_request(environ, "HEAD", environ["PATH_INFO"]).get_response(application)
    return str(answer.headers["Etag"]).strip('"') if answer.status_int == 200 else None


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _serve(listening: Any, configuration: Path) -> None:
    application = _wsgi.loadapp(str(configuration), global_conf={"log_name": configuration.stem})
    eventlet.spawn(
        wsgi.server,
        listening,
        application,
        logging.getLogger("silent"),
        protocol=_wsgi.SwiftHttpProtocol,
        capitalize_response_headers=False,
    )


def _write_ring(directory: Path, kind: str, port: int) -> None:
    """Let all objects lie on one device, served at the port."""
    builder = _ring.RingBuilder(part_power=2, replicas=1, min_part_hours=0)
    place = {"ip": "127.0.0.1", "replication_ip": "127.0.0.1", "port": port, "replication_port": port, "device": "disk"}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "meta": "", **place})
    builder.rebalance(seed="1")
    builder.get_ring().save(str(directory / f"{kind}.ring.gz"))


def _serve_back_ends(directory: Path) -> None:
    for kind in BACK_ENDS:
        listening = eventlet.listen(("127.0.0.1", 0))
        _write_ring(directory, kind, listening.getsockname()[1])
        _serve(listening, _write(directory / f"{kind}.conf", BACK_END.format(directory=directory, kind=kind)))


def _serve_proxies(directory: Path, ports: list[int]) -> Iterator[int]:
    for behaviour, port in zip(CONDITIONS, ports, strict=True):
        listening = eventlet.listen(("127.0.0.1", port))
        text = PROXY.format(directory=directory, conditions=behaviour)
        _serve(listening, _write(directory / f"proxy-{behaviour}.conf", text))
        yield listening.getsockname()[1]


def main(directory: Path, ports: list[int]) -> None:
    """Serve until the process is killed."""
    (directory / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    _write(directory / "swift.conf", SWIFT)
    _utils.set_swift_dir(str(directory))
    _serve_back_ends(directory)
    print(json.dumps(list(_serve_proxies(directory, ports))), flush=True)  # noqa: T201 - the answer to who started it
    Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(port) for port in sys.argv[2:]])
