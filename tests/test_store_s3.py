"""The store in S3: a server that fails is never taken for an empty one, and one that cannot keep order is refused."""

import io
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import httpx2
import obstore
import pytest

from entrepot import layout
from entrepot.page import Page
from entrepot.ports import s3
from entrepot.ports.store import Store
from entrepot.ports.stores import store_from_url
from entrepot.refusal import Refused, Unavailable
from serving import environment
from swift import PREFIX, Swift

KEY = "packages/aa/bb/cc/demo-1.0+local.tar.gz"
PAGE = "pages/main/simple/demo/index.json"
LARGE = 10 * 1024 * 1024  # bytes: goes up in parts


@pytest.fixture
def store(bucket: str) -> Store:
    made = store_from_url(bucket)
    made.prepare()
    return made


def page(text: str, serial: int) -> Page:
    return Page.of(text.encode(), serial=serial, last_serial=serial)


def check_that_nothing_can_be_told(store: Store) -> None:
    """Whatever is asked, the answer is not that there is nothing."""
    for read in (store.find, store.stamp, store.read_page, store.look):
        with pytest.raises(OSError, match=r"^\[Errno 5\] "):
            read(PAGE)
    with pytest.raises(OSError, match=r"^\[Errno 5\] "):
        list(store.keys(""))
    with pytest.raises(OSError, match=r"^\[Errno 5\] "):
        list(store.read(KEY, 0, 1))


def check_that_nothing_can_be_written(store: Store) -> None:
    for size in (1, LARGE):
        with pytest.raises(Unavailable, match="cannot write") as refused:
            store.create(KEY, io.BytesIO(bytes(size)))
        assert refused.value.code == "store-unavailable"
    with pytest.raises(Unavailable, match="cannot write"):
        store.put_page(PAGE, page("new", 2))
    with pytest.raises(Unavailable, match="cannot write"):
        store.remove_unwanted(KEY, before=1e12)


def test_wrong_credentials_are_not_taken_for_absence(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = store_from_url(bucket)
    check_that_nothing_can_be_told(store)
    check_that_nothing_can_be_written(store)
    with pytest.raises(Unavailable):
        store.prepare()


def test_a_bucket_that_is_missing_is_no_empty_one(swift: Swift, bucket: str) -> None:
    store = store_from_url(swift.url("missing"))
    check_that_nothing_can_be_told(store)
    check_that_nothing_can_be_written(store)
    with pytest.raises(Refused, match="no bucket 'missing'") as refused:
        store.prepare()
    assert refused.value.code == "store-missing"


@pytest.mark.parametrize("failing", [Swift.stopped, Swift.paused])
def test_a_server_that_is_gone_or_hangs_is_noticed_in_seconds(
    swift: Swift, store: Store, failing: Callable[[Swift], AbstractContextManager[None]]
) -> None:
    store.put_page(PAGE, page("old", 1))
    with failing(swift):
        began = time.monotonic()
        with ThreadPoolExecutor() as threads:
            told = threads.submit(store.look, PAGE)
            written = threads.submit(store.create, KEY, io.BytesIO(b"bytes"))
            replaced = threads.submit(store.put_page, PAGE, page("new", 2))
            assert isinstance(told.exception(), OSError)
            assert isinstance(written.exception(), Unavailable)
            assert isinstance(replaced.exception(), Unavailable)
        assert time.monotonic() - began < 15
    assert store.read_page(PAGE) == page("old", 1)
    store.put_page(PAGE, page("new", 2))
    store.create(KEY, io.BytesIO(b"bytes"))


@pytest.mark.parametrize("conditions", ["refused", "ignored"])
def test_a_server_that_does_not_honour_conditions_is_refused(swift: Swift, bucket: str, conditions: str) -> None:
    with pytest.raises(Refused, match="does not honour") as refused:
        store_from_url(swift.new_bucket(conditions)).prepare()
    assert refused.value.code == "store-not-conditional"


def test_who_never_comes_first_is_refused_in_the_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "ATTEMPTS", 0)
    with pytest.raises(Unavailable):
        store.put_page(PAGE, page("new", 1))


def test_clients_fetch_files_by_a_presigned_url(swift: Swift, bucket: str) -> None:
    store = store_from_url(f"{bucket}&downloads=presigned")
    store.create(KEY, io.BytesIO(b"bytes"))
    location = store.location(KEY)
    assert location is not None
    with httpx2.Client(trust_env=False) as client:
        answer = client.get(location)
        assert (answer.status_code, answer.content) == (200, b"bytes")
        assert answer.headers["content-type"] == layout.OCTETS
        assert answer.headers["cache-control"] == layout.PACKAGE.control
        assert client.get(location, headers={"range": "bytes=1-2"}).content == b"yt"
        assert client.get(location.partition("?")[0]).is_client_error
        assert client.get(location.replace("demo-1.0", "demo-2.0")).status_code == 403
        assert client.put(location, content=b"other").status_code == 403
    expires = dict(pair.split("=") for pair in urlsplit(location).query.split("&"))["X-Amz-Expires"]
    assert expires == "600"


def test_clients_fetch_files_below_a_public_url(bucket: str) -> None:
    store = store_from_url(f"{bucket}&downloads=https://files.example/base/")
    assert store.location(KEY) == "https://files.example/base/packages/aa/bb/cc/demo-1.0%2Blocal.tar.gz"


def test_the_store_keeps_to_its_prefix(swift: Swift, bucket: str, store: Store) -> None:
    store.create(KEY, io.BytesIO(b"bytes"))
    client = swift.client(urlsplit(bucket).netloc)
    keys = {each["path"] for each in obstore.list(client).collect()}
    assert keys == {f"{PREFIX}/{KEY}", f"{PREFIX}/probe"}
    obstore.put(client, f"{PREFIX}er/{KEY}", b"another's")
    assert list(store.keys("")) == [KEY]


LONG_UPLOAD = """
import sys, tempfile
from pathlib import Path
from entrepot.ports.stores import store_from_url

def most_memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")][0]

store = store_from_url(sys.argv[1])
store.create("packages/small", tempfile.TemporaryFile())
before = most_memory()
with tempfile.TemporaryFile() as large:
    large.truncate(100 * 1024 * 1024)
    store.create("packages/large", large)
    size = store.find("packages/large").size
    assert sum(len(piece) for piece in store.read("packages/large", 0, size)) == size == large.tell()
print(most_memory() - before)
"""


def test_a_large_package_is_never_in_memory_as_a_whole(bucket: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LONG_UPLOAD, bucket], env=environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    assert int(done.stdout) < 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3:///prefix", "s3://BUCKET/PREFIX"),
        ("s3://key:secret@bucket/", "credentials in the environment"),
        ("s3://bucket?ednpoint=http://x", "no option ednpoint"),
        ("s3://bucket?downloads=fast", "not 'fast'"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as refused:
        store_from_url(url)
    assert "secret@" not in str(refused.value)


def test_the_region_can_be_given(swift: Swift, bucket: str) -> None:
    store = store_from_url(f"{bucket}&region=eu-central-1&downloads=presigned")
    assert "eu-central-1" in str(store.location(KEY))
    with pytest.raises(OSError, match="Errno 5"):
        store.find(KEY)  # the server is in another one
    assert ".us-west-2.amazonaws.com/" in str(
        store_from_url("s3://bucket?region=us-west-2&downloads=presigned").location(KEY)
    )


def test_without_its_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    for module in ("entrepot.ports.s3", "entrepot.ports.bucket"):
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ValueError, match=r"needs the extra entrepot\[s3\]"):
        store_from_url("s3://bucket/prefix")
