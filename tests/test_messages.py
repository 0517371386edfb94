"""Every sentence is said in every language: none is missing, none is doubtful, and none has lost what is filled in."""

import os
import re
import shutil
import string
import subprocess
import sys
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation import to_locale

import entrepot

SOURCE = Path(entrepot.__file__).parent
LOCALES = [to_locale(code) for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
FILLED_IN = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}|</?[a-z][^>]*>|&\w+;")


def catalogue(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> set[object]:
    """What pages, mails and messages say now, as GNU gettext finds it."""
    if shutil.which("xgettext") is None:
        pytest.skip("GNU gettext is not installed")
    copy = tmp_path_factory.mktemp("said") / "entrepot"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copy / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "en", "--no-wrap"]
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(command, cwd=copy, env=environ, check=True, capture_output=True)
    return {(each.id, each.context) for each in catalogue(copy / "locale/en/LC_MESSAGES/django.po") if each.id}


def test_the_languages_that_are_promised() -> None:
    assert set(LOCALES) == {"ar", "de", "es", "fr", "he", "ja", "pt_BR", "ru", "uk", "zh_Hans"}


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_said_is_what_is_translated(locale: str, sentences: set[object]) -> None:
    """`tools/messages` collects what is new."""
    known = {(each.id, each.context) for each in catalogue(po(locale)) if each.id}
    assert (sentences - known, known - sentences) == (set(), set())


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_is_missing_or_doubtful(locale: str) -> None:
    told = catalogue(po(locale))
    assert not any(each.fuzzy for each in told if each.id)
    for each in told:
        if each.id:
            assert all(text.strip() for text in texts(each)), each.id
            assert len(texts(each)) == (told.num_plurals if each.pluralizable else 1), each.id


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_filled_in_is_filled_in(locale: str) -> None:
    """A sentence for one may leave the number out: "one file"."""
    for each in catalogue(po(locale)):
        if not each.id:
            continue
        wanted = [sorted(FILLED_IN.findall(text)) for text in ids(each)]
        for text in texts(each):
            found = sorted(FILLED_IN.findall(text))
            assert set(found) <= set(wanted[-1]) if each.pluralizable else found == wanted[0], (each.id, text)


@pytest.mark.parametrize("locale", LOCALES)
def test_what_was_compiled_is_what_was_written(locale: str) -> None:
    with po(locale).with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    for each in catalogue(po(locale)):
        if each.id and not each.pluralizable:
            (text,) = ids(each)
            said = compiled.pgettext(each.context, text) if each.context else compiled.gettext(text)
            assert said == each.string


@pytest.mark.parametrize("locale", [each for each in LOCALES if each in {"ar", "he", "ja", "ru", "uk", "zh_Hans"}])
def test_nothing_was_left_in_english(locale: str) -> None:
    """Where the writing is another, a sentence of four words and more has some of it."""
    for each in catalogue(po(locale)):
        for text in texts(each) if each.id else ():
            plain = FILLED_IN.sub(" ", text)
            if len(plain.split()) > 3:
                assert not set(plain) <= set(string.printable), (each.id, text)


def po(locale: str) -> Path:
    return SOURCE / f"locale/{locale}/LC_MESSAGES/django.po"


def ids(message: Message) -> list[str]:
    return list(message.id) if isinstance(message.id, tuple | list) else [message.id]


def texts(message: Message) -> list[str]:
    return list(message.string) if isinstance(message.string, tuple | list) else [str(message.string)]
