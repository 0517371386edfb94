"""How fast Entrepot is, on this machine, beside nginx: `python -m bench [PART]...`, or `make bench`.

It starts servers and loads them over the loopback; it is no part of the tests, but starts and fills servers as they do.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
