"""Files, and the ways in which installers fetch them."""

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from entrepot.conformance import clauses
from entrepot.conformance.asking import PLAIN, Reply
from entrepot.conformance.core import Area, Level
from entrepot.conformance.hashes import digest
from entrepot.conformance.index import File, Index
from entrepot.conformance.judging import offered, require
from entrepot.conformance.shapes import items, mapping, words

AREA = Area("files", "Files")


def _fetched(index: Index) -> list[tuple[File, Reply]]:
    """The files that are looked at, each with what its address sent. Raises NotOffered when none can be had."""
    asked = [(file, index.fetch(file)) for file in index.sample()]
    found = [each for each in asked if each[1].status == 200]
    offered(bool(found), "No file could be fetched.")
    return found


def _ranged(index: Index) -> list[tuple[File, Reply]]:
    """Those of which parts can be had, and that are long enough for parts. Raises NotOffered when there are none."""
    found = [each for each in _fetched(index) if each[1].header("accept-ranges") == "bytes" and len(each[1].body) > 20]
    offered(bool(found), "Files are sent whole only: none says Accept-Ranges: bytes.")
    return found


def _part(index: Index, whole: Reply, wanted: str, **more: str) -> Reply:
    headers = {**PLAIN, "Range": wanted, **{name.replace("_", "-"): value for name, value in more.items()}}
    return index.session.send("GET", whole.url, headers)


@AREA.case(Level.MUST, clauses.PEP_503)
def is_there(index: Index) -> None:
    """A file that a page lists can be had."""
    for file in index.sample():
        reply = index.fetch(file)
        require(reply.status == 200, f"{file.filename} answers {reply.status}.")


@AREA.case(Level.MUST, clauses.DETAIL_JSON)
def has_its_hash(index: Index) -> None:
    """The bytes of a file have the hashes that its page tells."""
    for file, reply in _fetched(index):
        for name, told in file.hashes.items():
            found = digest(name, reply.body) or told
            require(found == told, f"{file.filename} has {name} {found}, and its page says {told[:150]}.")


@AREA.case(Level.MUST, clauses.PEP_700)
def has_its_size(index: Index) -> None:
    """A file has the size that its page tells."""
    sized = [(file, reply) for file, reply in _fetched(index) if file.size is not None]
    offered(bool(sized), "No page tells the size of a file.")
    for file, reply in sized:
        require(len(reply.body) == file.size, f"{file.filename} has {len(reply.body)} bytes, not {file.size}.")


@AREA.case(Level.SHOULD, clauses.ARCHIVES)
def name_is_of_its_project(index: Index) -> None:
    """The name of a wheel or an sdist follows its specification, and names the project on whose page it stands."""
    files = [each for each in index.files if each.filename.endswith((".whl", ".tar.gz"))]
    offered(bool(files), "No wheel and no sdist is listed.")
    for file in files:
        require(_project_in(file.filename) == file.project, f"{file.project} has {file.filename!r}.")


@AREA.case(Level.CLIENTS, clauses.INSTALLERS)
def is_not_encoded(index: Index) -> None:
    """A file is sent as it is: a Content-Encoding would have clients unpack it."""
    for file, reply in _fetched(index):
        coding = reply.header("content-encoding") or "identity"
        require(coding == "identity", f"{file.filename} has the Content-Encoding {coding}.")


@AREA.case(Level.CLIENTS, clauses.BY_RANGES)
def head_tells_the_size(index: Index) -> None:
    """HEAD of a file answers 200, with the length that it has."""
    for file, reply in _fetched(index):
        head = index.session.send("HEAD", reply.url, PLAIN)
        told = head.header("content-length")
        require(head.status == 200, f"HEAD of {file.filename} answers {head.status}.")
        require(told == str(len(reply.body)), f"HEAD of {file.filename} tells {told!r}, and it has {len(reply.body)}.")


@AREA.case(Level.MUST, clauses.PARTIAL)
def part_is_the_part(index: Index) -> None:
    """A range from the beginning answers 206, with a Content-Range, and these very bytes."""
    for file, whole in _ranged(index):
        _judge(file, _part(index, whole, "bytes=3-12"), whole, 3, 13)


@AREA.case(Level.CLIENTS, clauses.BY_RANGES)
def last_bytes(index: Index) -> None:
    """A range of the last bytes answers 206: what is in a wheel is told at its end."""
    for file, whole in _ranged(index):
        _judge(file, _part(index, whole, "bytes=-10"), whole, len(whole.body) - 10, len(whole.body))


@AREA.case(Level.CLIENTS, clauses.BY_PIP)
def resumed(index: Index) -> None:
    """A download that broke off goes on: Range from there with If-Range answers 206 while the file is the same."""
    for file, known in _ranged(index):
        whole = index.session.anew(known.url, PLAIN)
        mark = whole.header("etag") or whole.header("last-modified")
        offered(bool(mark), f"{file.filename} has neither ETag nor Last-Modified.")
        require(not mark.startswith("W/"), f"{file.filename} has the weak ETag {mark}, with which nothing is resumed.")
        _judge(file, _part(index, whole, "bytes=5-", If_Range=mark), whole, 5, len(whole.body))


@AREA.case(Level.MUST, clauses.IF_RANGE)
def changed_is_sent_whole(index: Index) -> None:
    """Range with an If-Range that does not hold answers with all of the file."""
    for file, whole in _ranged(index):
        reply = _part(index, whole, "bytes=5-", If_Range='"something else"')
        right = reply.status == 200 and reply.body == whole.body
        require(right, f"{file.filename} answers {reply.status} with {len(reply.body)} bytes.")


@AREA.case(Level.SHOULD, clauses.UNSATISFIABLE)
def outside_is_416(index: Index) -> None:
    """A range beyond the end answers 416, with the length in Content-Range."""
    for file, whole in _ranged(index):
        size = len(whole.body)
        reply = _part(index, whole, f"bytes={size + 10}-")
        told = reply.header("content-range")
        require(reply.status == 416, f"{file.filename} answers {reply.status}.")
        require(told == f"bytes */{size}", f"{file.filename} has the Content-Range {told!r}.")


@AREA.case(Level.MUST, clauses.PEP_740)
def provenance_is_there(index: Index) -> None:
    """The provenance that a page names is an object of version 1, with bundles of attestations."""
    entries = [mapping(each) for page in index.json_pages() for each in items(page.value.get("files"))]
    urls = [words(each.get("provenance")) for each in entries if words(each.get("provenance"))][:2]
    offered(bool(urls), "No file that was looked at has provenance.")
    for url in urls:
        reply = index.session.get(url)
        found = mapping(reply.json)
        right = reply.status == 200 and found.get("version") == 1 and isinstance(found.get("attestation_bundles"), list)
        require(right, f"{url} answers {reply.status}, with {sorted(found)}.")


def _judge(file: File, reply: Reply, whole: Reply, first: int, end: int) -> None:
    told, right = reply.header("content-range"), f"bytes {first}-{end - 1}/{len(whole.body)}"
    require(reply.status == 206, f"{file.filename} answers {reply.status}.")
    require(told == right, f"{file.filename} has the Content-Range {told!r}, not {right!r}.")
    require(reply.body == whole.body[first:end], f"{file.filename} sends other bytes than {right}.")


def _project_in(filename: str) -> str:
    try:
        parse = parse_wheel_filename if filename.endswith(".whl") else parse_sdist_filename
        return parse(filename)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""
