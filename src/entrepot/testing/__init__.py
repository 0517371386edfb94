"""An index in a test, for authors of installers and build tools. docs/testing.md tells how to use it.

with entrepot.testing.index() as index:
    index.add("demo", "1.0")
    with index.fail(503, times=2):
        install("--index-url", index.url, "demo")
"""

from entrepot.testing.packages import Built, Package
from entrepot.testing.running import Index, Request, index
from entrepot.testing.troubles import Fault, Trouble
from entrepot.testing.uploads import Uploaded

__all__ = ["Built", "Fault", "Index", "Package", "Request", "Trouble", "Uploaded", "index"]
