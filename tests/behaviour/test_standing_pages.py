"""Help, security and policies: our own texts, and an operator's in their place."""

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from entrepot import readme
from world import new_world

ROOT = Path(__file__).parents[2]
PAGES = [
    *("/help/", "/security/", "/policies/", "/policies/terms-of-use/", "/policies/acceptable-use/"),
    *("/policies/privacy/", "/policies/names/"),
]
# What only those meet who run an index, who scan for tokens, or who deliver mail.
NOT_FOR_PEOPLE = {
    *("database-unusable", "store-unusable", "store-ahead", "store-empty", "store-missing", "store-not-conditional"),
    *("invalid-setting", "backup-damaged", "backup-running", "no-backup", "other-engine", "database-not-empty"),
    *("migration-blocked", "pg-dump-failed", "pg-dump-missing", "not-signed", "purge-failed"),
    *("action-gone", "already-prohibited", "banner-over", "flag-unchanged", "invalid-advisory", "invalid-limit"),
    *("invitation-needed", "no-such-name", "odd-filter", "pg-trgm-missing"),
    *("account-opened", "invalid-export", "no-such-index", "not-inside", "several-indexes"),
    *("bundle-damaged", "invalid-bundle", "invalid-lock", "invalid-python", "no-bundle", "not-a-file", "not-resolved"),
    *("nothing-fits", "unknown-bundle", "log-damaged", "invalid-requirement", "mirror-exists", "no-such-mirror"),
    *("project-local", "upstream-missing", "upstream-unavailable", "upstream-unreadable", "wrong-size", "no-hash"),
    *("no-scanners", "invalid-signature", "invalid-report", "too-many-reports"),
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Path:
    """The directory with an operator's own pages, which is empty."""
    new_world(tmp_path / "store")
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("ENTREPOT_PAGES", str(folder))
    return folder


def page(path: str, **headers: str) -> str:
    answer = Client().get(path, headers=headers)
    assert answer.status_code == 200, path
    return answer.content.decode()


def main(text: str) -> str:
    return text.partition("<main")[2].partition("</main>")[0]


class TestOurs:
    @pytest.mark.usefixtures("own")
    @pytest.mark.parametrize("path", PAGES)
    def test_each_has_a_title_and_headings_in_order(self, path: str) -> None:
        text = main(page(path))
        levels = [int(each) for each in re.findall("<h([1-6])", text)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))

    @pytest.mark.usefixtures("own")
    @pytest.mark.parametrize("path", PAGES[3:])
    def test_a_policy_says_that_it_is_to_be_reviewed(self, path: str) -> None:
        assert "Whoever runs this index has to review it" in page(path)

    @pytest.mark.usefixtures("own")
    @pytest.mark.parametrize("path", PAGES)
    def test_links_to_places_on_these_pages_lead_there(self, path: str) -> None:
        for target, anchor in re.findall('href="([^"#]*)#([^"]+)"', main(page(path))):
            assert f'id="{anchor}"' in page(target or path), (target, anchor)

    @pytest.mark.usefixtures("own")
    def test_every_refusal_that_people_meet_is_explained(self) -> None:
        table = (ROOT / "docs/api.md").read_text().partition("### Codes")[2].partition("\n## ")[0]
        codes = set(re.findall(r"`([a-z0-9-]+)`", table))
        explained = re.findall('<code id="([a-z0-9-]+)">', page("/help/"))
        assert len(explained) == len(set(explained))
        assert codes - NOT_FOR_PEOPLE - set(explained) == set()
        assert set(explained) <= codes

    @pytest.mark.usefixtures("own")
    def test_where_to_write(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENTREPOT_SECURITY_CONTACT", "https://index.example/report")
        assert '<a href="https://index.example/report">' in page("/security/")

    def test_no_other(self, own: Path) -> None:
        (own / "secrets.md").write_text("# Secrets")
        for path in ("/policies/secrets/", "/policies/help/", "/policies/..%2Fhelp/"):
            assert Client().get(path).status_code == 404


class TestAnOperators:
    def test_it_takes_the_place_of_ours(self, own: Path) -> None:
        (own / "privacy.md").write_text("\n# What we <keep> #\n\n## Ünder it\n\n* a\n* b\n")
        text = page("/policies/privacy/")
        assert "<title>What we &lt;keep&gt; " in text
        assert '<h1 dir="auto">What we &lt;keep&gt;</h1>' in text
        assert re.search("<h2[^>]*>Ünder it", text)
        assert "has to review it" not in text
        assert "has to review it" in page("/policies/names/")

    def test_without_a_title_it_has_ours(self, own: Path) -> None:
        (own / "help.md").write_text("Call us.\n\n## Later\n")
        assert '<h1 dir="auto">Help</h1>' in page("/help/")
        (own / "help.md").write_text("")
        assert '<h1 dir="auto">Help</h1>' in page("/help/")

    def test_in_the_language_of_whoever_reads(self, own: Path) -> None:
        (own / "help.en.md").write_text("# English help")
        (own / "help.md").write_text("# Other help")
        assert "English help" in page("/help/")
        (own / "help.en.md").unlink()
        assert "Other help" in page("/help/")
        with translation.override("de"):
            assert "Other help" in page("/help/")

    def test_nothing_in_it_runs(self, own: Path) -> None:
        (own / "security.md").write_text(
            '# Safe\n\n<script>alert(1)</script><a href="javascript:alert(1)" onclick="x()">a</a>\n\n'
            '<iframe src="https://evil.example"></iframe><style>body{}</style>\n'
        )
        text = main(page("/security/"))
        for each in ("<script", "javascript:", "onclick", "<iframe", "<style"):
            assert each not in text, each

    def test_a_change_is_seen_at_once_and_rendered_once(self, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        rendered: list[str] = []
        real = readme.render

        def render(text: str, kind: str) -> str:
            rendered.append(text)
            return real(text, kind)

        monkeypatch.setattr(readme, "render", render)
        path = own / "policies.md"
        path.write_text("# One\n\nfirst")
        assert all("first" in page("/policies/") for _ in range(3))
        path.write_text("# Two\n\nother")
        os.utime(path, ns=(1, 1))
        assert "other" in page("/policies/")
        assert rendered == ["\nfirst", "\nother"]
        path.unlink()
        assert "What people who use this index can expect" in page("/policies/")

    def test_bytes_that_are_no_text_are_shown_as_such(self, own: Path) -> None:
        (own / "help.md").write_bytes(b"# Help\n\nM\xfcll")
        assert "M\ufffdll" in page("/help/")

    @pytest.mark.usefixtures("own")
    def test_caches_ask_again_after_a_minute(self) -> None:
        answer = Client().get("/help/")
        assert answer["Surrogate-Control"].startswith("max-age=60,")
        assert answer["Surrogate-Key"] == "standing"


def test_they_lie_in_the_data_directory_unless_said(world_data: Path) -> None:
    folder = world_data / "pages"
    folder.mkdir()
    (folder / "names.md").write_text("# Our names")
    assert "Our names" in page("/policies/names/")


@pytest.fixture
def world_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Path:
    new_world(tmp_path / "store")
    monkeypatch.setenv("ENTREPOT_DATA", str(tmp_path))
    return tmp_path
