"""The fixture of `entrepot.testing`, for pytest.

It is no part of that package, and imports it late: pytest loads this module wherever Entrepot is installed, whether a
test asks for an index or not.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from entrepot.testing import Index


@pytest.fixture
def package_index() -> "Iterator[Index]":
    """An empty package index, which runs for this one test (`entrepot.testing.Index`)."""
    from entrepot.testing import index  # noqa: PLC0415 - see above

    with index() as running:
        yield running
