"""What `devpi-export` wrote: users, indexes, files, and when they were uploaded.

One index of it moves at a time, as there is one here. What its bases hold stays behind, and so do documentation and
test results.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from entrepot.arrivals import Arrival, receive
from entrepot.moving import formats
from entrepot.moving.source import Door, Holding, LeftOut, Offered, Person
from entrepot.moving.within import file_within, invalid, json_within
from entrepot.names import is_distribution
from entrepot.refusal import Missing, Refused

LISTING = "dataindex.json"
LARGEST_LISTING = 512 * 1024 * 1024  # bytes; it holds the description of every release
ADMINISTRATOR = "root"  # everybody's devpi-server has one
NOT_KEPT = {"doczip": "Documentation is not kept here.", "toxresult": "Test results are not kept here."}


@dataclass(frozen=True, slots=True)
class _Stage:
    """An index that takes uploads: its files by project, as they are listed, and who may upload."""

    projects: Mapping[str, Any]
    files: Mapping[str, Sequence[Mapping[str, Any]]]
    uploaders: Sequence[str]


class Devpi:
    """An export, and one index (`user/name`) of it.

    Raises Refused, "invalid-export" or "several-indexes", and Missing("no-such-index").
    """

    def __init__(self, root: Path, index: str = "") -> None:
        self._root = root
        listing = json_within(root, LISTING, most=LARGEST_LISTING)
        try:
            users, indexes = listing["users"], listing["indexes"]
            mirrors = [name for name, each in indexes.items() if each["indexconfig"]["type"] == "mirror"]
            self.people: Sequence[Person] = [
                Person(name, str(each.get("email") or "")) for name, each in users.items() if name != ADMINISTRATOR
            ]
            self._stages = {name: _stage(each) for name, each in indexes.items() if name not in mirrors}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _unlike(error) from error
        self._index = index or self._only_one()
        if self._index not in self._stages:
            raise Missing("no-such-index", f"The export has no index '{index}' with files of its own: {self._told()}.")
        self.left_out: Sequence[LeftOut] = [
            LeftOut(name, "It mirrors another index: its files stay there.") for name in mirrors
        ]

    def _only_one(self) -> str:
        full = [name for name, stage in self._stages.items() if stage.files]
        if len(full) > 1:
            raise Refused("several-indexes", f"The export has several indexes; say which one: {self._told()}.")
        return next(iter(full or self._stages), "")

    def _told(self) -> str:
        return ", ".join(f"{name} ({len(stage.files)} projects)" for name, stage in sorted(self._stages.items()))

    @property
    def door(self) -> Door:
        """As they are."""
        return receive

    def names(self) -> Sequence[str]:
        """The projects of the index, normalized."""
        return sorted(self._stages[self._index].files)

    def holding(self, name: str) -> Holding:
        """Its files, with whom the index belongs to as the owner, and whoever may upload there as maintainers."""
        stage, owner = self._stages[self._index], self._index.partition("/")[0]
        listed = stage.files[name]
        try:
            return Holding(
                [self._offered(each, stage.projects) for each in listed if _is_file(each)],
                owners=[owner],
                maintainers=[each for each in stage.uploaders if each != owner and not each.startswith(":")],
                left_out=[*_left_out(listed)],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _unlike(error) from error

    def _offered(self, listed: Mapping[str, Any], projects: Mapping[str, Any]) -> Offered:
        path, told = str(listed["relpath"]), listed["entrymapping"]
        release = projects[canonicalize_name(listed["projectname"])][listed["version"]]
        arrival = Arrival(
            project=str(release["name"]),
            filename=path.rpartition("/")[2],
            hashes=_hashes(told),
            uploaded_at=parsedate_to_datetime(told["last_modified"]).replace(tzinfo=UTC),
            requires_python=str(release.get("requires_python") or ""),
        )
        return Offered(arrival, lambda: file_within(self._root, path).open("rb"))


def _stage(told: Mapping[str, Any]) -> _Stage:
    files: dict[str, list[Mapping[str, Any]]] = {}
    for each in told.get("files", ()):
        files.setdefault(canonicalize_name(each["projectname"]), []).append(each)
    return _Stage(told.get("projects", {}), files, [str(each) for each in told["indexconfig"].get("acl_upload", ())])


def _is_file(listed: Mapping[str, Any]) -> bool:
    return listed["type"] == "releasefile" and is_distribution(listed["relpath"])


def _left_out(listed: Sequence[Mapping[str, Any]]) -> Iterator[LeftOut]:
    for each in listed:
        if not _is_file(each):
            filename = each["relpath"].rpartition("/")[2]
            why = NOT_KEPT.get(each["type"])
            yield formats.left_out(filename) if why is None else LeftOut(filename, why)


def _hashes(told: Mapping[str, Any]) -> dict[str, str]:
    """Older versions of devpi-server say one, as `algorithm=digest`."""
    algorithm, _, digest = told.get("hash_spec", "").partition("=")
    return {algorithm: digest, **{str(name): str(each) for name, each in told.get("hashes", {}).items()}}


def _unlike(error: Exception) -> Refused:
    return invalid(LISTING, f"it is not as devpi-server writes it ({type(error).__name__}: {error})")
