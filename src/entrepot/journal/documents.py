"""The names of the documents that changes leave owed. A name says what to build, never what to write in it."""

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """Kinds of document, in the order in which they are published: what others point to comes first."""

    FILE = 1  # whether a distribution file may be fetched
    RELEASE = 2  # the JSON document of a release
    PROJECT = 3  # the simple page of a project, in both forms, and its JSON document
    LIST = 4  # the list of all projects, in both forms


@dataclass(frozen=True, slots=True, order=True)
class Document:
    """One document: `key` is an index id (LIST), a project id (PROJECT), project id and canonical version (RELEASE), or
    BLAKE2b-256 and filename (FILE), joined by a slash."""

    kind: Kind
    key: str

    def parts(self) -> tuple[str, str]:
        """The two halves of a RELEASE or FILE key."""
        first, _, second = self.key.partition("/")
        return first, second


def project_list(index: int) -> Document:
    """The list of the projects of an index."""
    return Document(Kind.LIST, str(index))


def project(project: int) -> Document:
    """All pages of a project as a whole."""
    return Document(Kind.PROJECT, str(project))


def release(project: int, version: str) -> Document:
    """The page of one release; `version` is canonical. It may be gone by the time it is built."""
    return Document(Kind.RELEASE, f"{project}/{version}")


def file(blake2: str, filename: str) -> Document:
    """The note that withholds a distribution file, or its absence."""
    return Document(Kind.FILE, f"{blake2}/{filename}")
