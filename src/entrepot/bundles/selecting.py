"""Which files of a release go into a bundle."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from entrepot.bundles.locks import Release, Wanted
from entrepot.bundles.targets import Target
from entrepot.names import WheelFilename
from entrepot.refusal import Refused


@dataclass(frozen=True, slots=True)
class Selection:
    """All files that are named, or the wheels for some machines.

    Source distributions are among the latter where a machine has no wheel, or everywhere if they are asked for.
    """

    targets: Sequence[Target]
    sdists: bool

    def adds(self, file: Wanted) -> bool:
        """Whether a file is to be looked at that its release has, but nobody has named."""
        return bool(self.targets) or (self.sdists and not isinstance(file.parsed, WheelFilename))

    def of(self, release: Release) -> list[Wanted]:
        """Raises Refused("nothing-fits") when a machine has nothing of a release that every machine needs."""
        if not self.targets:
            return list(release.files)
        named = {each.file.filename: (each, each.parsed) for each in release.files}
        wheels = {name: parsed for name, (_, parsed) in named.items() if isinstance(parsed, WheelFilename)}
        sources = named.keys() - wheels.keys()
        fitting = [{name for name, parsed in wheels.items() if target.takes(parsed)} for target in self.targets]
        unserved = [target.name for target, found in zip(self.targets, fitting, strict=True) if not found]
        if unserved and not sources and not release.conditional:
            name = f"{release.project} {release.files[0].parsed.version}"
            raise Refused("nothing-fits", f"{name} has no wheel for {unserved[0]}, and no source distribution.")
        chosen = set().union(*fitting, sources if self.sdists or unserved else ())
        return [each for name, (each, _) in named.items() if name in chosen]


def wanted(releases: Iterable[Release], selection: Selection) -> list[Wanted]:
    """The files to fetch, each once. Raises Refused: "nothing-fits", "invalid-lock"."""
    found: dict[str, Wanted] = {}
    for each in (file for release in releases for file in selection.of(release)):
        known = found.setdefault(each.file.filename, each).file.hashes
        if any(known.get(name, digest) != digest for name, digest in each.file.hashes.items()):
            raise Refused("invalid-lock", f"{each.file.filename} is wanted with two different hashes.")
    return list(found.values())
