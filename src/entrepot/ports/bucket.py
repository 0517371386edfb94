"""A bucket of S3 and what its answers mean: absence is told from failure, and failure comes in seconds."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotModifiedError
from obstore.store import S3Store as Client

from entrepot import layout
from entrepot.ports.store import checked
from entrepot.refusal import Unavailable

if TYPE_CHECKING:  # the library has these for type checkers alone
    from obstore import GetOptions, GetResult, ObjectMeta, PutMode
    from obstore.store import ClientConfig, RetryConfig, S3Config

LONGEST = 1024  # bytes of a key in S3
PART = 8 * 1024 * 1024  # bytes of an object that are sent with one request
PARTS_AT_ONCE = 2
LENT = timedelta(minutes=10)  # how long a presigned URL is good for

# A server that cannot be reached, or hangs, is noticed in ten seconds, thirteen at most.
RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=3)}
PATIENCE: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=2),
    "read_timeout": timedelta(seconds=10),  # without a byte
    "timeout": timedelta(days=1),  # a slow client takes long to fetch a large file
    "default_content_type": layout.OCTETS,
    "user_agent": "entrepot",
}

NOT_WRITTEN = "The index cannot write to its store; try again later."
_NO_SUCH_KEY = "<Code>NoSuchKey</Code>"  # the body of S3's answer, which the library's messages hold


class Bucket:
    """The objects whose keys begin with `prefix`, in the bucket called `name`; keys are given without it.

    `endpoint` and `region` are where it is, as far as the environment does not say so (`AWS_…`), which has the
    credentials.
    """

    def __init__(self, name: str, prefix: str, *, endpoint: str = "", region: str = "") -> None:
        config: S3Config = {}
        if endpoint:
            config["endpoint"] = endpoint
        if region:
            config["region"] = region
        patience: ClientConfig = {**PATIENCE, "allow_http": endpoint.startswith("http://")}
        self.name = name
        self._client = Client(name, prefix=prefix or None, config=config, client_options=patience, retry_config=RETRIES)
        self._longest = LONGEST - len(f"{prefix}/".encode())

    def get(self, key: str, options: "GetOptions") -> "GetResult":
        """The object at `key`; in `reading`."""
        return obstore.get(self._client, self._sendable(key), options=options)

    def meta(self, key: str) -> "ObjectMeta | None":
        """What is known of the object at `key`, None when it is absent. Raises OSError."""
        try:
            with reading():
                return self._head(key)
        except FileNotFoundError:
            return None

    def put(self, key: str, data: bytes, mode: "PutMode" = "overwrite") -> None:
        """Write a named object with one request; in `writing`. Raises AlreadyExistsError, PreconditionError."""
        obstore.put(self._client, checked(key), data, mode=mode, use_multipart=False)

    def put_package(self, key: str, data: bytes | Iterator[bytes], mode: "PutMode" = "overwrite") -> None:
        """Write what never changes, in parts when it comes as an iterator; else like `put`."""
        obstore.put(
            self._client,
            checked(key),
            data,
            mode=mode,
            attributes={"Cache-Control": layout.PACKAGE.control},
            use_multipart=not isinstance(data, bytes),
            chunk_size=PART,
            max_concurrency=PARTS_AT_ONCE,
        )

    def delete(self, key: str) -> None:
        """Remove the object at `key`, if there is one; in `writing`."""
        obstore.delete(self._client, key)

    def list(self, folder: str) -> "Iterator[ObjectMeta]":
        """The objects whose keys begin with `folder`, which is empty or ends in a slash, in order. Raises OSError."""
        with reading():
            for page in obstore.list(self._client, checked(folder) or None, chunk_size=1000):
                yield from page

    def lend(self, key: str) -> str:
        """A URL by which anybody can fetch the object for ten minutes. Raises OSError."""
        with reading():
            return obstore.sign(self._client, "GET", checked(key), LENT)

    def _head(self, key: str) -> "ObjectMeta":
        try:
            return obstore.head(self._client, self._sendable(key))
        except FileNotFoundError:
            return self.get(key, {}).meta  # the answer to a HEAD has no body that would say what was not found

    def _sendable(self, key: str) -> str:
        """Raises FileNotFoundError for a key too long to be written."""
        if len(checked(key).encode()) > self._longest:
            raise FileNotFoundError(_NO_SUCH_KEY)
        return key


@contextmanager
def reading() -> Iterator[None]:
    """Raises FileNotFoundError when the server says that there is no such key, OSError for all else that fails.

    A bucket that is missing, or an address where there is no S3, gives a 404, too.
    """
    try:
        yield
    except NotModifiedError:
        raise
    except FileNotFoundError as error:
        if _NO_SUCH_KEY in str(error):
            raise
        raise _failure(error) from error
    except BaseError as error:
        raise _failure(error) from error


@contextmanager
def writing() -> Iterator[None]:
    """Raises Unavailable when the server does not take it."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise Unavailable("store-unavailable", NOT_WRITTEN) from error


def _failure(error: Exception) -> OSError:
    return OSError(errno.EIO, str(error).partition("\n\nDebug source")[0])
