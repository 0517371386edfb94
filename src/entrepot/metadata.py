"""Core metadata, versions 1.0 to 2.6, read from the bytes of METADATA (wheel) or PKG-INFO (sdist).

The archive is the truth, so installers must read here what the index read: a file in which two readers could see
different fields (a header that breaks off, a field given twice, bytes that are not UTF-8) is refused rather than
guessed at. The values themselves are judged by `packaging`.

Old files stay acceptable. A field newer than the file's Metadata-Version is read and judged all the same: installers
use it whatever the version says, and setuptools and hatchling wrote such files for years. `License-File` alone is left
out below 2.4, as it had no agreed place in the archive then. `UNKNOWN`, which distutils wrote for "none", is none.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import Any, cast

from packaging.metadata import InvalidMetadata, Metadata, RawMetadata
from packaging.requirements import InvalidRequirement, Requirement

from entrepot.names import ProjectName, parse_version
from entrepot.refusal import Refused, TooLarge

SIZE_LIMIT = 4 * 1024 * 1024  # bytes
FIELD_LIMIT = 10_000  # header fields in one file; the largest known has about 3,000
METADATA_VERSIONS = ("1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6")

# What `packaging` parses is bounded: it recurses into brackets, and its time grows faster than the text.
_NESTING_LIMIT = 50  # opening brackets in one value
_VALUE_LIMIT = 8 * 1024  # characters of one value
_VALUES_LIMIT = 1024 * 1024  # characters of all the values of one field
_MESSAGE_LIMIT = 300  # characters of a refusal that quotes the file

_BLANK_LINE = re.compile(r"(?>\r\n|\r|\n){2}")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_FIELD = re.compile(r"(?P<header>[!-9;-~]+):(?P<value>.*(?:\n[ \t].*)*)(?:\n|\Z)")
_FOLD = re.compile(r"\n {7}[ |]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")  # a form feed is ordinary in the text of a licence

_PLURAL = frozenset(
    {
        "platforms",
        "supported_platforms",
        "classifiers",
        "project_urls",
        "license_files",
        "import_names",
        "import_namespaces",
    }
)
_ONE_LINE = frozenset({"requires_python", "requires_dist", "project_urls", "provides_dist", "obsoletes_dist"})
_FOLDED = ("description", "license")
_PARSED = (
    "description_content_type",
    "license_expression",
    "requires_dist",
    "requires_python",
    "provides_dist",
    "obsoletes_dist",
)


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """The fields of the core metadata specification, as written; what is absent is `""` or `()`.

    `dynamic` is lower-cased. `project_urls` are pairs of label and URL. An empty `Import-Name` ("nothing to import")
    is `("",)`. `keywords` is the comma-separated text.
    """

    metadata_version: str
    name: str
    version: str
    dynamic: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    supported_platforms: tuple[str, ...] = ()
    summary: str = ""
    description: str = ""
    description_content_type: str = ""
    keywords: str = ""
    home_page: str = ""
    download_url: str = ""
    author: str = ""
    author_email: str = ""
    maintainer: str = ""
    maintainer_email: str = ""
    license: str = ""
    license_expression: str = ""
    license_files: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
    requires_dist: tuple[str, ...] = ()
    requires_python: str = ""
    requires_external: tuple[str, ...] = ()
    project_urls: tuple[tuple[str, str], ...] = ()
    provides_extra: tuple[str, ...] = ()
    provides_dist: tuple[str, ...] = ()
    obsoletes_dist: tuple[str, ...] = ()
    import_names: tuple[str, ...] = ()
    import_namespaces: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    obsoletes: tuple[str, ...] = ()


def header_name(field: str) -> str:
    """How a field of CoreMetadata is called in the file, lower-cased: `classifiers` is `classifier`."""
    return (field.removesuffix("s") if field in _PLURAL else field).replace("_", "-")


_FIELDS = {header_name(field.name): field.name for field in fields(CoreMetadata)}
_MULTIPLE = frozenset(field.name for field in fields(CoreMetadata) if field.default == ())


def parse_foreign(data: bytes) -> CoreMetadata:
    """What can be read of the metadata that another index has taken: fields with faults are left out.

    Raises Refused, as `parse` does, where the fault is in no single field.
    """
    faulty: set[str] = set()
    while True:
        try:
            return parse(data, without=faulty)
        except Refused as refused:
            if refused.field in faulty | {"content"}:
                raise
            faulty.add(refused.field)


def parse(data: bytes, *, without: Collection[str] = ()) -> CoreMetadata:
    """The metadata in a METADATA or PKG-INFO file.

    Raises Refused with code "invalid-metadata", "invalid-name" or "invalid-version", and TooLarge with code
    "metadata-too-large"; of several faults, those of Metadata-Version, Name and Version are told first. The fields in
    `without` are passed by.
    """
    head, body = _split(_decode(data))
    given = {
        field: [_one_line(field, value) for value in values]
        for field, values in _collect(head).items()
        if field not in without
    }
    single = {field: _only(field, values) for field, values in given.items() if field not in _MULTIPLE}
    single = _present(single, body)
    multiple = {field: values for field, values in given.items() if field in _MULTIPLE}
    _check_identity(single)
    if METADATA_VERSIONS.index(single["metadata_version"]) < METADATA_VERSIONS.index("2.4"):
        multiple.pop("license_files", None)
    multiple["dynamic"] = [value.lower() for value in multiple.get("dynamic", [])]
    multiple["platforms"] = [value for value in multiple.get("platforms", []) if value != "UNKNOWN"]
    _check_values(single, multiple)
    urls = _pairs(multiple.pop("project_urls", []))
    return from_json({**single, **multiple, "project_urls": urls})


def to_json(metadata: CoreMetadata) -> dict[str, object]:
    """A JSON object that `from_json` turns back into the same metadata; absent fields are left out."""
    values = {field.name: (getattr(metadata, field.name), field.default) for field in fields(metadata)}
    return {name: _lists(value) for name, (value, default) in values.items() if value != default}


def from_json(document: Mapping[str, Any]) -> CoreMetadata:
    """The metadata that `to_json` wrote."""
    return CoreMetadata(**{name: _tuples(value) for name, value in document.items()})


def _lists(value: Any) -> object:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _decode(data: bytes) -> str:
    if len(data) > SIZE_LIMIT:
        raise TooLarge("metadata-too-large", f"The metadata file is larger than {SIZE_LIMIT} bytes.", "content")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _invalid(f"The metadata file is not UTF-8 at byte {error.start}.") from None
    if text.startswith("\ufeff"):
        raise _invalid("The metadata file begins with a byte order mark.")
    if "\0" in text:
        raise _invalid("The metadata file holds a NUL character.")
    return text


def _split(text: str) -> tuple[str, str]:
    """Header and body. The body is taken as it is: no MIME structure is looked for in it."""
    head, *body = _BLANK_LINE.split(text, maxsplit=1)
    return _NEWLINE.sub("\n", head), "".join(body)


def _collect(head: str) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for count, (header, value) in enumerate(_headers(head)):
        if count == FIELD_LIMIT:
            raise TooLarge("metadata-too-large", f"The metadata has more than {FIELD_LIMIT} fields.", "content")
        if header in _FIELDS:
            given.setdefault(_FIELDS[header], []).append(value)
    return given


def _headers(head: str) -> Iterator[tuple[str, str]]:
    if control := _CONTROL.search(head):
        raise _invalid(f"The metadata holds the control character {control[0]!r} in its header.")
    position = 0
    while position < len(head):
        field = _FIELD.match(head, position)
        if field is None:
            number = head.count("\n", 0, position) + 1
            raise _invalid(f"Line {number} of the metadata is neither a field nor the continuation of one.")
        yield field["header"].lower(), field["value"].strip(" \t\n")
        position = field.end()


def _one_line(field: str, value: str) -> str:
    """Values that are shown on one line, on one line, however they were folded."""
    return " ".join(value.split()) if field in _ONE_LINE else value


def _only(field: str, values: list[str]) -> str:
    if len(values) > 1:
        raise _invalid(f"{header_name(field)!r} is given {len(values)} times; it may be given once.", field)
    return values[0]


def _present(single: dict[str, str], body: str) -> dict[str, str]:
    """The single-use fields that say something, the description from wherever it was, folded texts unfolded."""
    present = {field: value for field, value in single.items() if value and (field == "name" or value != "UNKNOWN")}
    for field in _FOLDED:
        if field in present:
            present[field] = _FOLD.sub("\n", present[field])
    if body.strip() in {"", "UNKNOWN"}:
        return present
    if "description" in present:
        raise _invalid("The metadata has two descriptions: a field and the body of the file.", "description")
    return {**present, "description": body}


def _check_identity(single: dict[str, str]) -> None:
    for field in ("metadata_version", "name", "version"):
        if field not in single:
            raise _invalid(f"The metadata has no {header_name(field)!r}.", field)
    version = single["metadata_version"]
    if version not in METADATA_VERSIONS:
        raise _invalid(f"{version!r} is not a valid metadata version.", "metadata_version")
    ProjectName(single["name"])
    parse_version(single["version"])


def _check_values(single: dict[str, str], multiple: dict[str, list[str]]) -> None:
    if "license" in single and "license_expression" in single:
        raise _invalid("'license' and 'license-expression' may not be given together.", "license_expression")
    _check_bounds(single, multiple)
    _check_with_packaging(single, multiple)
    _check_imports(multiple)
    for field in ("provides_dist", "obsoletes_dist"):
        _check_requirements(field, multiple.get(field, []))


def _check_bounds(single: dict[str, str], multiple: dict[str, list[str]]) -> None:
    for field in _PARSED:
        values = [single.get(field, ""), *multiple.get(field, [])]
        if sum(map(len, values)) > _VALUES_LIMIT or any(map(_is_excessive, values)):
            raise _invalid(f"{header_name(field)!r} is too long or too deeply nested.", field)


def _is_excessive(value: str) -> bool:
    return len(value) > _VALUE_LIMIT or value.count("(") > _NESTING_LIMIT


def _check_with_packaging(single: dict[str, str], multiple: dict[str, list[str]]) -> None:
    values: dict[str, object] = {**single, **multiple, "metadata_version": METADATA_VERSIONS[-1]}
    values.pop("project_urls", None)
    if values.get("import_names") == [""]:
        values["import_names"] = []
    try:
        Metadata.from_raw(cast("RawMetadata", values))
    except ExceptionGroup as group:
        first = min(cast("tuple[InvalidMetadata, ...]", group.exceptions), key=_order)
        raise _invalid(f"{first}.", _FIELDS[first.field]) from None


def _order(error: InvalidMetadata) -> int:
    return list(_FIELDS).index(error.field)


def _check_imports(multiple: dict[str, list[str]]) -> None:
    names, namespaces = (
        {value.partition(";")[0].strip() for value in multiple.get(field, [])}
        for field in ("import_names", "import_namespaces")
    )
    if both := names & namespaces:
        raise _invalid(f"{min(both)!r} is both an 'import-name' and an 'import-namespace'.", "import_names")


def _check_requirements(field: str, values: list[str]) -> None:
    for value in values:
        try:
            Requirement(value)
        except InvalidRequirement:
            raise _invalid(f"{value!r} is invalid for {header_name(field)!r}.", field) from None


def _pairs(values: list[str]) -> list[tuple[str, str]]:
    pairs = [(label.strip(), url.strip()) for label, _, url in (value.partition(",") for value in values)]
    label, count = max(Counter(label for label, _ in pairs).items(), key=itemgetter(1), default=("", 0))
    if count > 1:
        raise _invalid(f"'project-url' has the label {label!r} {count} times.", "project_urls")
    return pairs


def _invalid(message: str, field: str = "content") -> Refused:
    short = message if len(message) <= _MESSAGE_LIMIT else f"{message[: _MESSAGE_LIMIT - 1]}…"
    return Refused("invalid-metadata", short, field)
