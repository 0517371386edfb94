"""Where it is written what an index has to be."""

from entrepot.conformance.core import Clause

_LIVING = "https://packaging.python.org/en/latest/specifications/"
_RFC = "https://www.rfc-editor.org/rfc/rfc9110.html#section-"


def _pep(number: int, section: str = "Specification") -> Clause:
    return Clause(f"PEP {number}", section, f"https://peps.python.org/pep-{number:04}/")


def _simple(section: str, anchor: str) -> Clause:
    return Clause("Simple repository API", section, f"{_LIVING}simple-repository-api/#{anchor}")


def _http(section: str, title: str) -> Clause:
    return Clause("RFC 9110", f"{section} {title}", f"{_RFC}{section}")


def _relied_on(by: str) -> Clause:
    return Clause("Relied on", by)


NAMES = Clause("Names and normalization", "Name normalization", f"{_LIVING}name-normalization/")
ARCHIVES = Clause("Source and binary distribution formats", "File name", f"{_LIVING}binary-distribution-format/")
CORE_METADATA = Clause("Core metadata", "Requires-Python", f"{_LIVING}core-metadata/#requires-python")
METADATA_VERSION = Clause("Core metadata", "Metadata-Version", f"{_LIVING}core-metadata/#metadata-version")
BASE_HTML = _simple("Base HTML API", "base-html-api")
JSON_FORM = _simple("JSON serialization", "json-serialization")
LIST_JSON = _simple("Project list (JSON)", "project-list")
DETAIL_JSON = _simple("Project detail (JSON)", "project-detail")
CONTENT_TYPES = _simple("Content types", "content-types")
NEGOTIATION = _simple("Version and format selection", "version-format-selection")
PEP_503 = _pep(503)
PEP_592 = _pep(592)
PEP_629 = _pep(629)
PEP_658 = _pep(658)
PEP_691 = _pep(691)
PEP_700 = _pep(700)
PEP_714 = _pep(714)
PEP_740 = _pep(740, "Index changes to the simple API")
PEP_752 = _pep(752, "Repository metadata")
PEP_792 = _pep(792)
HEAD = _http("9.3.2", "HEAD")
ETAG = _http("8.8.3", "ETag")
VARY = _http("12.5.5", "Vary")
ACCEPT = _http("12.5.1", "Accept")
WEIGHTS = _http("12.4.2", "Quality values")
IF_NONE_MATCH = _http("13.1.2", "If-None-Match")
IF_RANGE = _http("13.1.5", "If-Range")
PARTIAL = _http("15.3.7", "206 Partial Content")
UNSATISFIABLE = _http("15.5.17", "416 Range Not Satisfiable")
ALLOW = _http("15.5.6", "405 Method Not Allowed")
UNAUTHORIZED = _http("15.5.2", "401 Unauthorized")
JSON_API = Clause("PyPI's JSON API", "never standardized: what PyPI answers")
XML_RPC = Clause("PyPI's XML-RPC API", "never standardized: what PyPI answers")
UPLOAD_API = Clause("Legacy upload API", "never standardized: what PyPI's documentation says")
INSTALLERS = _relied_on("by pip, uv, Poetry and PDM")
BY_PIP = _relied_on("by pip")
BY_UV = _relied_on("by uv")
BY_HATCH = _relied_on("by Hatch")
BY_RANGES = _relied_on("by pip, uv and Poetry, which read metadata out of wheels by ranges")
BY_UPLOADERS = _relied_on("by twine, uv publish, Poetry, PDM and flit")
BY_MIRRORS = _relied_on("by bandersnatch, devpi-server and Pulp")
