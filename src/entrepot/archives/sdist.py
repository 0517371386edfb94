"""Source distributions: one directory named after the file, with PKG-INFO in it (PEP 625, PEP 643, PEP 639)."""

from typing import BinaryIO

from entrepot import metadata
from entrepot.archives import gzipframe, tarframe
from entrepot.archives.distribution import Distribution, describe, missing_license, read_whole
from entrepot.archives.faults import invalid, shown
from entrepot.archives.limits import Account
from entrepot.archives.paths import Tree
from entrepot.archives.streams import size_of
from entrepot.names import SdistFilename


def open_sdist(file: BinaryIO, filename: SdistFilename) -> Distribution:
    """The sdist in `file`. Raises `Refused`."""
    account = Account(size_of(file))
    root, pkg_info = filename.stem, f"{filename.stem}/PKG-INFO"
    content = None
    tree = Tree()
    for member in tarframe.read_members(gzipframe.read(file), account, tree):
        if member.path.partition("/")[0] != root:
            raise invalid("sdist-layout", f"Member {shown(member.path)} is not in the directory {shown(root)}.")
        if member.path == pkg_info and not member.is_directory:
            content = read_whole(member.data, member.size, metadata.SIZE_LIMIT, pkg_info)
    if content is None:
        raise invalid("sdist-layout", f"There is no {shown(pkg_info)}.")
    distribution = describe(filename, content, pkg_info)
    for path in distribution.metadata.license_files:
        if not tree.has_file(f"{root}/{path}"):
            raise missing_license(path)
    return distribution
