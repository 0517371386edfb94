"""The store in S3: one object of a bucket for each object.

It speaks the REST API of Amazon S3, of which it needs strong consistency, PUT with `If-None-Match: *` and with
`If-Match`, ranges, listings in order, and uploads in parts. Races and their answers:
- Two writers of the same package: the key is the hash of the bytes, so it does not matter whose are kept.
- Two writers of the same page: each replaces only what it has looked at; who comes second looks again, and the older
  one is refused. A reader sees one page or the other.
- A collector and an upload of the same package: there is no lock here that both could hold. An upload that found the
  package present looks once more while it holds the index in the database, and so does a collector while it removes.
- An answer that was lost: the library repeats the request, and a condition fails that had held. Looking again finds
  our own page, and replaces it by itself.
- A writer that dies: parts of an upload that was never completed are hidden; a lifecycle rule of the bucket removes
  them.
"""

import errno
import io
import re
from collections.abc import Generator, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError, PreconditionError

from entrepot.page import Page
from entrepot.ports.bucket import NOT_WRITTEN, PART, Bucket, reading, writing
from entrepot.ports.store import Found, Stamp, checked, refuse_older
from entrepot.refusal import Refused, Unavailable

if TYPE_CHECKING:  # the library has these for type checkers alone
    from obstore import GetOptions, PutMode

ABSENT = ""  # the stamp of what is not there; all others are ETags
PIECE = 256 * 1024  # bytes that are collected before they are given on
HEAD = 4096  # bytes; the head of a packed page is a tenth of that
ATTEMPTS = 50  # to replace a page: after each that fails, somebody else has succeeded

_OPTIONS = {"endpoint", "region", "downloads"}
_STREAM, _PRESIGNED = "stream", "presigned"
_PROBE = "probe"  # the store's own key


class S3Store:
    """Objects in a bucket; `downloads` says where clients get files.

    "stream": here. "presigned": from S3, by a URL that is good for ten minutes. Else below that URL, by their keys.
    """

    local: ClassVar[bool] = False

    def __init__(self, bucket: Bucket, downloads: str = _STREAM) -> None:
        self._bucket = bucket
        self._downloads = downloads.rstrip("/")

    @classmethod
    def from_url(cls, url: str) -> "S3Store":
        """The store that `s3://BUCKET[/PREFIX][?endpoint=URL&region=R&downloads=stream|presigned|URL]` names.

        Credentials, and what the URL does not say, come from the environment (`AWS_…`). Raises ValueError.
        """
        parts = urlsplit(url)
        if not re.fullmatch(r"[A-Za-z0-9._-]+", parts.netloc):
            raise ValueError("a store in S3 is given as s3://BUCKET/PREFIX, with credentials in the environment")
        options = _options(parts.query)
        prefix = unquote(parts.path).strip("/")
        endpoint, region = options.get("endpoint", ""), options.get("region", "")
        bucket = Bucket(parts.netloc, prefix, endpoint=endpoint, region=region)
        return cls(bucket, options.get("downloads", _STREAM))

    def prepare(self) -> None:
        """Make sure that the bucket is there, which is never made here, and that conditions are not ignored.

        Raises Refused: "store-missing", "store-not-conditional".
        """
        with writing():
            creates_once = self._is_refused("create") or self._is_refused("create")
            if creates_once and self._is_refused({"e_tag": '"another"'}):
                return
        raise Refused(
            "store-not-conditional",
            "The S3 server does not honour If-Match and If-None-Match on PUT, without which pages could go back in "
            "time. Amazon S3 does, and so do newer versions of other servers.",
        )

    def create(self, key: str, source: BinaryIO) -> bool:
        """Write the content-addressed bytes of `source`; when they are there already, write them again.

        For that is how to tell a collector that they are wanted, and harmless, since they are the same. From PART
        bytes on they go up in parts, of which few are in memory at once; there are no conditions for those.
        """
        with writing():
            first = source.read(PART)
            if len(first) < PART:
                return self._create_at_once(key, first)
            new = self.find(key) is None
            self._bucket.put_package(key, chain([first], iter(partial(source.read, PART), b"")))
            return new

    def put_page(self, key: str, page: Page) -> None:
        """Replace the page at `key`. Raises Superseded when the present one was built at a higher serial."""
        packed = page.pack()
        with writing():
            for _ in range(ATTEMPTS):
                try:
                    self._bucket.put(key, packed, self._replacing(key, page.serial))
                except (AlreadyExistsError, PreconditionError):
                    continue
                return
        raise Unavailable("store-unavailable", NOT_WRITTEN)

    def read_page(self, key: str) -> Page | None:
        """The page at `key`, gone or not; None when none was ever written. Raises Damaged."""
        return self._fetch(key, {})[0]

    def look(self, key: str, known: Stamp = None) -> tuple[Page | None, Stamp] | None:
        """The page and its stamp, unless that is `known`. Raises Damaged."""
        try:
            seen = self._fetch(key, {"if_none_match": str(known)} if known else {})
        except NotModifiedError:
            return None
        return None if seen[1] == known else seen

    def stamp(self, key: str) -> Stamp:
        """The ETag; "" when there is nothing."""
        meta = self._bucket.meta(key)
        return meta["e_tag"] if meta else ABSENT

    def find(self, key: str) -> Found | None:
        """How many bytes there are at `key`; None when it is absent."""
        meta = self._bucket.meta(key)
        return Found(meta["size"]) if meta else None

    def read(self, key: str, first: int, count: int) -> Generator[bytes, None, None]:
        """`count` bytes from `first`, a mebibyte at most at a time. Raises OSError, also when they end too early."""
        if not count:
            return
        with reading():
            for piece in self._bucket.get(key, {"range": (first, first + count)}).stream(PIECE):
                count -= len(piece)
                yield piece
        if count:
            raise OSError(errno.EIO, "the object ends too early", key)

    def location(self, key: str) -> str | None:
        """Where clients fetch the object, if not here."""
        if self._downloads == _STREAM:
            return None
        if self._downloads == _PRESIGNED:
            return self._bucket.lend(key)
        return f"{self._downloads}/{quote(checked(key))}"

    def remove_unwanted(self, key: str, before: float) -> bool:
        """Remove a package unless `create` was called for it at or after `before` (seconds since the epoch)."""
        with writing():
            meta = self._bucket.meta(key)
            unwanted = meta is not None and meta["last_modified"].timestamp() < before
            if unwanted:
                self._bucket.delete(key)
        return unwanted

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in the order of the server's listing: sorted."""
        for meta in self._bucket.list(prefix[: prefix.rfind("/") + 1]):
            key = meta["path"]
            if key.startswith(prefix) and key != _PROBE:
                yield key

    def sweep(self, older_than: float, now: float) -> int:  # noqa: ARG002 - the protocol's signature
        """Nothing: a lifecycle rule of the bucket removes uploads that were never completed."""
        return 0

    def _create_at_once(self, key: str, data: bytes) -> bool:
        try:
            self._bucket.put_package(key, data, "create")
        except AlreadyExistsError:
            self._bucket.put_package(key, data)
            return False
        return True

    def _replacing(self, key: str, serial: int) -> "PutMode":
        """The condition that the present page is replaced, and no other. Raises Superseded if it is newer."""
        try:
            with reading():
                result = self._bucket.get(key, {"range": (0, HEAD)})
                head = io.BytesIO(result.bytes())
        except FileNotFoundError:
            return "create"
        refuse_older(key, serial, head)
        return {"e_tag": result.meta["e_tag"]}

    def _fetch(self, key: str, options: "GetOptions") -> tuple[Page | None, Stamp]:
        """Raises NotModifiedError, Damaged."""
        try:
            with reading():
                result = self._bucket.get(key, options)
                packed = io.BytesIO(result.bytes())
        except FileNotFoundError:
            return None, ABSENT
        return Page.unpack(packed), result.meta["e_tag"]

    def _is_refused(self, mode: "PutMode") -> bool:
        try:
            self._bucket.put(_PROBE, b"Entrepot asks whether conditions are honoured.\n", mode)
        except (AlreadyExistsError, PreconditionError):
            return True
        except FileNotFoundError as error:
            name = self._bucket.name
            raise Refused("store-missing", f"There is no bucket {name!r}; make it, then try again.") from error
        except BaseError as error:
            if "<Code>NotImplemented</Code>" not in str(error):
                raise
        return False


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - _OPTIONS:
        raise ValueError(f"a store in S3 has no option {', '.join(sorted(unknown))}")
    downloads = options.get("downloads", _STREAM)
    if downloads not in {_STREAM, _PRESIGNED} and urlsplit(downloads).scheme not in {"http", "https"}:
        raise ValueError(f"downloads are stream, presigned or a URL, not {downloads!r}")
    return options
