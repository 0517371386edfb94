"""What changed between two releases."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.comparing import (
    MAX_CHARACTERS,
    MAX_LINES,
    FieldChange,
    Line,
    Member,
    TextChange,
    best_pair,
    compare_members,
    compare_metadata,
    compare_texts,
    neutral,
)
from entrepot.metadata import CoreMetadata
from entrepot.names import parse_filename

OLD = CoreMetadata(
    metadata_version="2.4",
    name="demo",
    version="1.0",
    summary="A demo",
    keywords="one, two",
    requires_python=">=3.9",
    requires_dist=("attrs", "httpx>=1"),
    classifiers=("Topic :: A", "Topic :: B"),
    project_urls=(("Home", "https://a.example"),),
    description="Hello",
)

MEMBERS = st.lists(
    st.builds(
        lambda path, size, digest: Member(path, path, size, digest),
        st.sampled_from("abc"),
        st.integers(0, 2),
        st.sampled_from("xy"),
    )
)
TEXTS = st.lists(st.sampled_from(["", "a", "b", "-- a", "++ b", "@@", "c"]), max_size=12).map("\n".join)


class TestMetadata:
    def test_lists_are_sets(self) -> None:
        new = replace(
            OLD,
            version="1.1",
            classifiers=("Topic :: B", "Topic :: A"),
            requires_dist=("httpx>=2", "attrs", "attrs"),
            keywords="two,three",
            project_urls=(("Home", "https://b.example"),),
        )
        assert compare_metadata(OLD, new) == (
            FieldChange("Keywords", ("one",), ("three",)),
            FieldChange("Requires-Dist", ("httpx>=1",), ("httpx>=2",)),
            FieldChange("Project-Url", ("Home, https://a.example",), ("Home, https://b.example",)),
        )

    def test_single_fields_are_added_changed_and_removed(self) -> None:
        new = replace(OLD, summary="Another demo", requires_python="", license="MIT", description="Goodbye")
        assert compare_metadata(OLD, new) == (
            FieldChange("Summary", ("A demo",), ("Another demo",)),
            FieldChange("License", (), ("MIT",)),
            FieldChange("Requires-Python", (">=3.9",), ()),
        )

    @given(st.lists(st.text()), st.lists(st.text()))
    def test_there_and_back(self, one: list[str], other: list[str]) -> None:
        old, new = replace(OLD, classifiers=tuple(one)), replace(OLD, classifiers=tuple(other))
        assert compare_metadata(old, old) == ()
        back = tuple(FieldChange(each.field, each.added, each.removed) for each in compare_metadata(new, old))
        assert compare_metadata(old, new) == back


class TestTexts:
    def test_the_same(self) -> None:
        assert compare_texts("a\nb", "a\nb") == TextChange(changed=False)

    def test_lines_around_a_change(self) -> None:
        old = "\n".join(str(number) for number in range(30))
        found = compare_texts(old, old.replace("5\n", "five\n", 1).replace("25\n", ""))
        assert [f"{each.sign}{each.text}" for each in found.lines] == [
            *(" 2", " 3", " 4", "-5", "+five", " 6", " 7", " 8"),
            *("@", " 22", " 23", " 24", "-25", " 26", " 27", " 28"),
        ]

    def test_lines_that_look_like_signs(self) -> None:
        assert compare_texts("-- a", "++ b").lines == (Line("-", "-- a"), Line("+", "++ b"))

    @given(TEXTS, TEXTS)
    def test_the_lines_tell_both_texts(self, old: str, new: str) -> None:
        """Whatever is not told as removed or added is in both."""
        found = compare_texts(old, new)
        assert found.changed == (old != new)
        for text, sign in ((old, "-"), (new, "+")):
            told = [each.text for each in found.lines if each.sign == sign]
            rest = text.splitlines()
            for line in told:
                rest.remove(line)
        kept_old, kept_new = len(old.splitlines()), len(new.splitlines())
        signs = [each.sign for each in found.lines]
        assert kept_old - signs.count("-") == kept_new - signs.count("+")

    @pytest.mark.parametrize("text", ["x" * (MAX_CHARACTERS + 1), "x\n" * (MAX_LINES + 1)])
    def test_too_much_is_only_told(self, text: str) -> None:
        assert compare_texts("a", text) == TextChange(changed=True)

    def test_much_that_is_the_same_costs_nothing(self) -> None:
        text = "".join(f"{number}\n" for number in range(100_000))
        found = compare_texts(f"{text}a\n{text}", f"{text}b\n{text}")
        assert [each.sign for each in found.lines] == [*"   -+   "]

    def test_the_worst_lines_cost_little(self) -> None:
        old = "\n".join(str(number % 100) for number in range(MAX_LINES))
        new = "\n".join(str(number * 7 % 101) for number in range(MAX_LINES))
        began = time.process_time()
        assert compare_texts(old, new).lines
        assert time.process_time() - began < 3


class TestFiles:
    @pytest.mark.parametrize(
        ("old", "new", "best"),
        [
            ([], ["demo-2.0.tar.gz"], None),
            (["demo-1.0.tar.gz"], ["demo-2.0-py3-none-any.whl"], None),
            (
                ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"],
                ["demo-2.0-py3-none-any.whl", "demo-2.0.tar.gz"],
                ("demo-1.0.tar.gz", "demo-2.0.tar.gz"),
            ),
            (
                ["demo-1.0-cp312-cp312-win_amd64.whl", "demo-1.0-cp313-cp313-win_amd64.whl"],
                ["demo-2.0-cp313-cp313-linux_armv7l.whl", "demo-2.0-cp313-cp313-win_amd64.whl", "demo-2.0.tar.gz"],
                ("demo-1.0-cp313-cp313-win_amd64.whl", "demo-2.0-cp313-cp313-win_amd64.whl"),
            ),
        ],
    )
    def test_the_best_pair(self, old: list[str], new: list[str], best: tuple[str, str] | None) -> None:
        found = best_pair(map(parse_filename, old), map(parse_filename, new))
        assert (found and tuple(each.filename for each in found)) == best

    @pytest.mark.parametrize(
        ("path", "without"),
        [
            ("demo-1.0/src/a.py", "src/a.py"),
            ("demo-1.0.dist-info/WHEEL", "demo.dist-info/WHEEL"),
            ("demo-1.0.data/scripts/a", "demo.data/scripts/a"),
            ("demo-1.0", "demo-1.0"),
            ("demo-1.0.1/a.py", "demo.1/a.py"),
            ("demo/demo-1.0/a.py", "demo/demo-1.0/a.py"),
        ],
    )
    def test_paths_without_the_version(self, path: str, without: str) -> None:
        assert neutral(path, "demo-1.0") == without


class TestMembers:
    def test_removed_added_and_changed(self) -> None:
        old = [Member("a", "a", 1, "x"), Member("b", "b", 1, "x"), Member("c", "c", 1, "x")]
        new = [Member("d", "d", 1, "x"), Member("b", "b", 1, "y"), Member("c", "c", 1, "x")]
        found = compare_members(old, new)
        assert (found.removed, found.added, found.changed, found.same) == (
            (old[0],),
            (new[0],),
            ((old[1], new[1]),),
            1,
        )

    @given(MEMBERS, MEMBERS)
    def test_nothing_is_lost(self, old: list[Member], new: list[Member]) -> None:
        there, back = compare_members(old, new), compare_members(new, old)
        assert (there.removed, there.added, there.same) == (back.added, back.removed, back.same)
        assert there.changed == tuple((b, a) for a, b in back.changed)
        assert len(there.removed) + len(there.changed) + there.same == len(old)
        assert len(there.added) + len(there.changed) + there.same == len(new)

    @given(MEMBERS)
    def test_nothing_changed(self, members: list[Member]) -> None:
        found = compare_members(members, members)
        assert (found.removed, found.added, found.changed, found.same) == ((), (), (), len(members))
