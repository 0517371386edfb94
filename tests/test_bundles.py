"""Bundles that somebody else wrote, read without trust; and which wheels are for which machines."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archives.forge import TarEntry, pax, tar_file
from entrepot.bundles import manifest, reading
from entrepot.bundles.targets import targets
from entrepot.names import ProjectName, WheelFilename, parse_foreign
from entrepot.refusal import Refused

BYTES = b"the bytes of a wheel"
SHA256 = hashlib.sha256(BYTES).hexdigest()
WHEEL = "spam-1.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
PLACE = f"files/{SHA256}/{WHEEL}"
FILE = {"filename": WHEEL, "size": len(BYTES), "hashes": {"sha256": SHA256}}
SAID = {
    "format": 1,
    "made-at": "2026-11-21T20:00:00Z",
    "made-by": "by hand",
    "sources": ["https://index.example/simple/"],
    "projects": [{"name": "spam", "files": [FILE]}],
}


def bundle(path: Path, said: object = SAID, *members: TarEntry, end: bytes = bytes(1024)) -> Path:
    """A bundle written by hand: the manifest, then what is given, or the one file."""
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    files = members or (pax({"path": PLACE}), TarEntry(b"short", BYTES))
    path.write_bytes(tar_file([TarEntry(b"bundle.json", text), *files], end))
    return path


def code_of(path: Path, **options: str) -> str:
    with pytest.raises(Refused) as caught:
        reading.open_bundle(path, **options)
    return f"{caught.value.code}: {caught.value.message}"


class TestReading:
    def test_what_was_written_by_hand(self, tmp_path: Path) -> None:
        read = reading.open_bundle(bundle(tmp_path / "b.tar"))
        (file,) = read.manifest.files()
        with read.open(file) as opened:
            assert opened.seek(0, io.SEEK_END) == len(BYTES)
            assert opened.seek(-5, io.SEEK_CUR) == len(BYTES) - 5
            assert opened.read() == b"wheel"
            opened.seek(0)
            assert opened.read() == BYTES

    @pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    def test_what_other_programs_wrote(self, tmp_path: Path, kind: int) -> None:
        with tarfile.open(tmp_path / "b.tar", "w", format=kind) as archive:
            for name, data in (("bundle.json", json.dumps(SAID).encode()), (PLACE, BYTES)):
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(data), 1.5  # of which pax makes an extended header
                archive.addfile(info, io.BytesIO(data))
        assert [each.place for each in reading.open_bundle(tmp_path / "b.tar").manifest.files()] == [PLACE]

    def test_everything_that_can_be_said_comes_back(self) -> None:
        file = {
            **FILE,
            "upload-time": "2020-01-02T03:04:05.678000Z",
            "requires-python": ">=3.8",
            "yanked": "It burns",
            "provenance": {"version": 1, "attestation_bundles": []},
        }
        other = {**FILE, "filename": "spam-1.1-py3-none-any.whl", "yanked": True}
        status = {"status": "deprecated", "reason": "Use ham"}
        said = {**SAID, "projects": [{"name": "spam", "files": [file, other], "project-status": status}]}
        assert json.loads(manifest.render(manifest.parse(json.dumps(said).encode()))) == said

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"format": 2}, "unknown-bundle: It is a bundle of format 2"),
            ({"made-at": "yesterday"}, "invalid-bundle"),
            ({"made-at": "2026-11-21T20:00:00"}, "invalid-bundle"),
            ({"made-at": "0001-01-01T00:00:00+14:00"}, "invalid-bundle"),
            ({"made-by": 1}, "invalid-bundle"),
            ({"projects": [{"name": "-", "files": []}]}, "invalid-bundle: '-' is not a project name"),
            ({"projects": [{"name": "ham", "files": [FILE]}]}, "invalid-bundle"),
            ({"projects": [{"name": "spam", "files": [{**FILE, "filename": "../x"}]}]}, "invalid-bundle"),
            ({"projects": [{"name": "spam", "files": [FILE, FILE]}]}, f"invalid-bundle: bundle.json has {WHEEL} twice"),
            ({"projects": [{"name": "spam", "files": []}] * 2}, "invalid-bundle: bundle.json has project spam twice"),
            ({"projects": [{"name": "spam", "files": [{**FILE, "size": -1}]}]}, "invalid-bundle"),
            ({"projects": [{"name": "spam", "files": [{**FILE, "size": True}]}]}, "invalid-bundle"),
            ({"projects": [{"name": "spam", "files": [{**FILE, "hashes": {"sha256": "ab"}}]}]}, "invalid-bundle"),
            ({"projects": [{"name": "spam", "files": [{**FILE, "hashes": {"md5": "ab"}}]}]}, "invalid-bundle"),
            ({"projects": [{"name": "spam", "files": [{**FILE, "yanked": 1}]}]}, "invalid-bundle"),
            ({"projects": [{"name": "spam", "files": [], "project-status": {"status": "odd"}}]}, "invalid-bundle"),
        ],
    )
    def test_what_the_manifest_may_not_say(self, tmp_path: Path, changed: dict[str, Any], code: str) -> None:
        assert code_of(bundle(tmp_path / "b.tar", {**SAID, **changed})).startswith(code)

    @pytest.mark.parametrize("text", [b"[]", b"{", b"[" * 100_000, b"\xff", b"{}"])
    def test_what_is_no_manifest(self, tmp_path: Path, text: bytes) -> None:
        assert code_of(bundle(tmp_path / "b.tar", text)).startswith("invalid-bundle: bundle.json is not what")

    def test_a_giant_manifest_is_not_read(self, tmp_path: Path) -> None:
        with (tmp_path / "b.tar").open("wb") as file:
            file.write(tar_file([TarEntry(b"bundle.json", size=b"%011o\0" % (65 * 2**20))], b""))
            file.truncate(70 * 2**20)
        assert code_of(tmp_path / "b.tar") == "invalid-bundle: Its bundle.json is larger than 64 MiB."

    @pytest.mark.parametrize(
        ("members", "sentence"),
        [
            ([TarEntry(b"else", b"x")], "holds 'else', of which its manifest says nothing"),
            ([TarEntry(b"../../etc/passwd", b"x")], "holds '../../etc/passwd', of which"),
            ([pax({"path": PLACE}), TarEntry(b"short", BYTES)] * 2, "twice"),
            ([pax({"path": PLACE}), TarEntry(b"short", BYTES + b"!")], "has 21 bytes; its manifest says 20"),
            ([TarEntry(b"bundle.json", b"x")], "holds 'bundle.json', of which"),
        ],
    )
    def test_what_is_not_in_the_manifest(self, tmp_path: Path, members: list[TarEntry], sentence: str) -> None:
        said = code_of(bundle(tmp_path / "b.tar", SAID, *members))
        assert said.startswith("invalid-bundle: ")
        assert sentence in said

    def test_what_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "b.tar").write_bytes(tar_file([TarEntry(b"bundle.json", json.dumps(SAID).encode())]))
        assert code_of(tmp_path / "b.tar").startswith("invalid-bundle: It lacks 'files/")

    @pytest.mark.parametrize(
        ("members", "sentence"),
        [
            ([TarEntry(PLACE[:90].encode(), kind=b"2", link=b"/etc/passwd")], "a symbolic link"),
            ([TarEntry(PLACE[:90].encode(), kind=b"1", link=b"bundle.json")], "a hard link"),
            ([TarEntry(b"x", checksum=b"0000000\0")], "its checksum is wrong"),
            ([pax({"path": PLACE, "GNU.sparse.major": "1"})], "sparse"),
            ([TarEntry(b"long", b"x" * 300_000, kind=b"L")], "longer than"),
            ([pax({"path": PLACE})], "in the middle of a member"),
        ],
    )
    def test_what_is_no_plain_archive(self, tmp_path: Path, members: list[TarEntry], sentence: str) -> None:
        said = code_of(bundle(tmp_path / "b.tar", SAID, *members))
        assert said.startswith("bundle-damaged: ")
        assert sentence in said

    @pytest.mark.parametrize("cut", [lambda data: data[:-1024], lambda data: data[:-1600], lambda data: data[:700]])
    def test_what_was_cut_off(self, tmp_path: Path, cut: Callable[[bytes], bytes]) -> None:
        path = bundle(tmp_path / "b.tar")
        path.write_bytes(cut(path.read_bytes()))
        assert code_of(path).startswith("bundle-damaged: The bundle cannot be read: it ")

    def test_what_is_no_bundle(self, tmp_path: Path) -> None:
        path = tmp_path / "b.tar"
        path.write_bytes(b"")
        assert code_of(path).startswith("bundle-damaged")
        path.write_bytes(bytes(1024))
        assert code_of(path) == "no-bundle: b.tar is not a bundle: it does not begin with bundle.json."
        path.write_bytes(tar_file([TarEntry(b"spam-1.0/PKG-INFO", b"")]))
        assert code_of(path).startswith("no-bundle")

    def test_another_archive_than_was_meant(self, tmp_path: Path) -> None:
        path = bundle(tmp_path / "b.tar")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert reading.open_bundle(path, sha256=digest.upper()).manifest.made_by == "by hand"
        assert code_of(path, sha256="0" * 64).startswith(
            f"wrong-digest: b.tar is another archive: its SHA-256 is {digest}"
        )


class TestTargets:
    @pytest.mark.parametrize(
        ("platform", "python", "tags", "fits"),
        [
            ("manylinux_2_28_x86_64", "3.12", "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
            ("manylinux_2_28_x86_64", "3.12", "cp312-cp312-manylinux_2_34_x86_64", False),
            ("manylinux_2_28_x86_64", "3.12", "cp312-cp312-manylinux_2_17_aarch64", False),
            ("manylinux_2_28_x86_64", "3.12", "cp311-cp311-manylinux_2_17_x86_64", False),
            ("manylinux_2_28_x86_64", "3.12", "cp39-abi3-manylinux1_x86_64", True),
            ("manylinux_2_28_x86_64", "3.12", "py3-none-any", True),
            ("manylinux_2_28_x86_64", "3.12", "py2.py3-none-any", True),
            ("manylinux_2_28_x86_64", "3.12", "cp313-abi3-linux_x86_64", False),
            ("manylinux_2_28_x86_64", "", "cp313-abi3-linux_x86_64", True),
            ("manylinux2014_aarch64", "", "cp313-cp313-manylinux_2_17_aarch64", True),
            ("manylinux2014_aarch64", "", "cp313-cp313-manylinux_2_28_aarch64", False),
            ("musllinux_1_2_x86_64", "", "cp313-cp313-musllinux_1_1_x86_64", True),
            ("musllinux_1_2_x86_64", "", "cp313-cp313-manylinux2014_x86_64", False),
            ("macosx_14_0_arm64", "", "cp313-cp313-macosx_11_0_arm64", True),
            ("macosx_14_0_arm64", "", "cp313-cp313-macosx_10_9_universal2", True),
            ("macosx_14_0_arm64", "", "cp313-cp313-macosx_15_0_arm64", False),
            ("win_amd64", "3.13t", "cp313-cp313t-win_amd64", True),
            ("win_amd64", "3.13t", "cp313-cp313-win_amd64", False),
            ("", "3.11", "cp311-cp311-win_amd64", True),
            ("", "3.11", "pp311-pypy311_pp73-win_amd64", False),
        ],
    )
    def test_which_wheels_fit(self, platform: str, python: str, tags: str, fits: bool) -> None:
        (target,) = targets([platform] if platform else [], [python] if python else [])
        wheel = parse_foreign(f"spam-1.0-{tags}.whl", ProjectName("spam"))
        assert isinstance(wheel, WheelFilename)
        assert target.takes(wheel) is fits

    def test_each_with_each(self) -> None:
        named = [each.name for each in targets(["win_amd64", "win_arm64"], ["3.12", "3.13"])]
        assert named == [
            f"{each} with Python {python}" for each in ("win_amd64", "win_arm64") for python in ("3.12", "3.13")
        ]
        assert targets([], []) == []

    def test_what_is_no_python(self) -> None:
        with pytest.raises(Refused, match="'three' is not a version of Python"):
            targets([], ["three"])
