"""What the tests of the archives ask of `open_distribution`."""

import io

import pytest

from archives.forge import Built
from entrepot.archives import Distribution, open_distribution
from entrepot.names import parse_filename
from entrepot.refusal import Refused


def opened(built: Built) -> Distribution:
    return open_distribution(io.BytesIO(built.data), parse_filename(built.filename))


def assert_refused(built: Built, code: str, named: str) -> None:
    """The refusal has `code`, and a printable sentence that has the usual opening and names `named`."""
    with pytest.raises(Refused) as refusal:
        opened(built)
    assert (refusal.value.code, named in refusal.value.message) == (code, True), refusal.value.message
    assert refusal.value.message.startswith("Invalid distribution file. ")
    assert refusal.value.message.isprintable()
    assert len(refusal.value.message) < 500
