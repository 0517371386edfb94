"""Pages that are the same for everybody who reads the same language: kept by caches in front, and purged by tag.

They are made without a look at the session, so nothing of one person can be in them. A browser asks each time, and a
304 tells it that nothing has changed. A cache in front keeps them for an hour (SHORTLY: a minute), and longer while a
new one is fetched or nobody answers. The cookie that they vary by is the one that says which language was chosen.
"""

import gzip
import hashlib
from collections.abc import Callable
from functools import partial, wraps

import brotli
import zstandard
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers

from entrepot.edge.negotiate import coding

CONTROL = "public, max-age=0, must-revalidate"
SURROGATE = "max-age=3600, stale-while-revalidate=86400, stale-if-error=86400"
SHORTLY = "max-age=60, stale-while-revalidate=60, stale-if-error=86400"  # for what no change purges

View = Callable[..., HttpResponse]
# Fast rather than small: a page is compressed each time that it is made.
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "br": partial(brotli.compress, quality=4),
    "gzip": partial(gzip.compress, compresslevel=5, mtime=0),
    "zstd": partial(zstandard.compress, level=3),
}


def shared(*tags: str, surrogate: str = SURROGATE) -> Callable[[View], View]:
    """Let caches keep what the view answers, under tags; `{name}` in a tag stands for an argument of the view.

    `surrogate` tells a cache in front for how long. What is no page (a redirect, somebody who is gone) is not kept.
    Raises RuntimeError where a view has looked at the session after all.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, **names: str) -> HttpResponse:
            response = view(request, **names)
            if request.session.accessed:
                raise RuntimeError(f"{view.__name__} is for everybody, and has looked at who asks")
            if response.status_code != 200:
                response.headers.setdefault("Cache-Control", "no-cache")
                return response
            return _kept(request, response, surrogate, [each.format(**names) for each in tags])

        return answer

    return decorate


def _kept(request: HttpRequest, response: HttpResponse, surrogate: str, tags: list[str]) -> HttpResponse:
    response["Cache-Control"] = CONTROL
    response["Surrogate-Control"] = surrogate
    if tags:
        response["Surrogate-Key"] = " ".join(tags)
    patch_vary_headers(response, ["Accept-Encoding", "Accept-Language", "Cookie"])
    digest = hashlib.blake2b(response.content, digest_size=16).hexdigest()
    wanted = coding(request.headers.get("Accept-Encoding", ""))
    response["ETag"] = f'"{digest}-{wanted}"'
    answer = get_conditional_response(request, response["ETag"], response=response) or response
    if answer is response and wanted in COMPRESS:  # it holds no secret that its length could tell
        response.content = COMPRESS[wanted](response.content)
        response["Content-Encoding"] = wanted
    return answer
