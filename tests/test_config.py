"""What an installation is told by its environment."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from entrepot.config import Config
from entrepot.refusal import Refused


def test_nothing_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = Config.current({})
    assert config.data == tmp_path.resolve() / "data"
    assert config.local_url == config.public_url == "http://127.0.0.1:8000"
    assert config.database_url == f"sqlite:///{config.data}/entrepot.sqlite3"
    assert config.store_url == f"file://{config.data}/store"
    assert config.uploads == config.data / "uploads"


def test_everything_said(tmp_path: Path) -> None:
    config = Config.current(
        {
            "ENTREPOT_DATA": str(tmp_path),
            "ENTREPOT_HOST": "192.0.2.1",
            "ENTREPOT_PORT": "81",
            "ENTREPOT_DATABASE_URL": "postgres://db.example/x",
            "ENTREPOT_STORE_URL": "file:///srv/store",
            "ENTREPOT_CACHE_URL": "redis://cache.example/0",
            "ENTREPOT_CDN_URL": "varnish://cdn.example:6081",
            "ENTREPOT_PUBLIC_URL": "https://index.example/",
            "ENTREPOT_LOG": "text",
            "ENTREPOT_DRAIN": "2.5",
            "ENTREPOT_PROXIES": "2",
            "ENTREPOT_LEAKED_PASSWORDS_URL": "https://leaked.example/range/",
            "ENTREPOT_CAPTCHA_URL": "https://captcha.example/siteverify",
            "ENTREPOT_CAPTCHA_SITE_KEY": "site",
            "ENTREPOT_CAPTCHA_SECRET": "captcha's",
            "ENTREPOT_SECRET": "s" * 32,
            "ENTREPOT_METRICS_TOKEN": "let me in",
            "ENTREPOT_SENTRY_DSN": "https://key@sentry.example/1",
        }
    )
    assert config == Config(
        data=tmp_path,
        local_url="http://192.0.2.1:81",
        database_url="postgres://db.example/x",
        store_url="file:///srv/store",
        cache_url="redis://cache.example/0",
        cdn_url="varnish://cdn.example:6081",
        public_url="https://index.example",
        log="text",
        drain=2.5,
        proxies=2,
        leaked_passwords_url="https://leaked.example/range",
        captcha_url="https://captcha.example/siteverify",
        captcha_site_key="site",
        captcha_secret="captcha's",
        given_secret="s" * 32,
        metrics_token="let me in",
        sentry_dsn="https://key@sentry.example/1",
    )
    assert not any(secret in repr(config) for secret in ("s" * 32, "let me in", "key@", "captcha's"))
    assert config.secret() == "s" * 32
    assert not (tmp_path / "secret").exists()


def test_empty_variables_say_nothing() -> None:
    names = ("DATA", "HOST", "PORT", "DATABASE_URL", "STORE_URL", "CACHE_URL", "CDN_URL", "PUBLIC_URL")
    assert Config.current({f"ENTREPOT_{name}": "" for name in names}) == Config.current({})


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:81"),  # noqa: S104
        ("::", "http://[::1]:81"),
        ("2001:db8::1", "http://[2001:db8::1]:81"),
        ("index.example", "http://index.example:81"),
    ],
)
def test_an_address_to_listen_on_becomes_one_to_reach(host: str, url: str) -> None:
    config = Config.current({"ENTREPOT_HOST": host, "ENTREPOT_PORT": "81"})
    assert config.local_url == config.public_url == url


def test_a_port_that_is_no_number() -> None:
    with pytest.raises(Refused, match="http"):
        Config.current({"ENTREPOT_PORT": "http"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOG", "xml"),
        ("DRAIN", "-1"),
        ("DRAIN", "soon"),
        ("DRAIN", "99999"),
        ("DRAIN", "nan"),
        ("PROXIES", "-1"),
        ("PROXIES", "many"),
        ("SECURITY_CONTACT", "somebody"),
        ("SECURITY_CONTACT", "http://index.example"),
        ("SECURITY_CONTACT", "a@index.example\nPolicy: x"),
        ("SECURITY_CONTACT", "mailto:"),
    ],
)
def test_a_setting_that_cannot_be_is_named(variable: str, value: str) -> None:
    with pytest.raises(Refused, match=f"ENTREPOT_{variable}") as refused:
        Config.current({f"ENTREPOT_{variable}": value})
    assert refused.value.code == "invalid-setting"


@pytest.mark.parametrize(
    ("settings", "contact"),
    [
        ({}, "mailto:no-reply@%5B127.0.0.1%5D"),
        ({"MAIL_FROM": "The index <staff+index@index.example>"}, "mailto:staff+index@index.example"),
        ({"SECURITY_CONTACT": "safe@index.example"}, "mailto:safe@index.example"),
        ({"SECURITY_CONTACT": "mailto:safe@index.example"}, "mailto:safe@index.example"),
        ({"SECURITY_CONTACT": "https://index.example/report"}, "https://index.example/report"),
        ({"SECURITY_CONTACT": "tel:+44-1632-960000"}, "tel:+44-1632-960000"),
    ],
)
def test_where_weaknesses_are_reported(settings: dict[str, str], contact: str) -> None:
    given = {f"ENTREPOT_{name}": value for name, value in settings.items()}
    assert Config.current(given).security_contact == contact


def test_a_secret_that_could_be_guessed() -> None:
    with pytest.raises(Refused, match="ENTREPOT_SECRET has fewer than 32") as refused:
        Config.current({"ENTREPOT_SECRET": "s" * 31}).secret()
    assert refused.value.code == "invalid-setting"


def test_a_store_that_nobody_knows() -> None:
    with pytest.raises(Refused, match="carrier-pigeon"):
        Config.current({"ENTREPOT_STORE_URL": "carrier-pigeon://index.example"}).store()


def test_the_secret_stays_and_is_private(tmp_path: Path) -> None:
    config = Config.current({"ENTREPOT_DATA": str(tmp_path / "new")})
    secret = config.secret()
    assert len(secret) >= 40
    assert config.secret() == secret
    assert (config.data / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in config.data.iterdir()] == ["secret"]
    assert Config.current({"ENTREPOT_DATA": str(tmp_path / "other")}).secret() != secret


def test_all_who_come_at_once_find_the_same_secret(tmp_path: Path) -> None:
    config = Config.current({"ENTREPOT_DATA": str(tmp_path)})
    start = Barrier(8)

    def secret(_: int) -> str:
        start.wait()
        return config.secret()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(secret, range(8)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_whoever_comes_second_takes_the_secret_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def late(source: Path, target: Path) -> None:
        target.write_text("of the first")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert Config.current({"ENTREPOT_DATA": str(tmp_path)}).secret() == "of the first"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_where_is_searched() -> None:
    url = "https://user:secret@search.example:9200/projects"
    config = Config.current({"ENTREPOT_SEARCH_URL": url})
    assert config.search_url == url
    assert "secret" not in repr(config)
    for wrong in ("search.example", "https://search.example", "https://search.example/a?c", "ftp://search.example/x"):
        with pytest.raises(Refused, match="ENTREPOT_SEARCH_URL") as refused:
            Config.current({"ENTREPOT_SEARCH_URL": wrong})
        assert refused.value.code == "invalid-setting"
