"""Entrepot's settings, over a data directory of this run's own."""

import os
import tempfile
from pathlib import Path

if "ENTREPOT_DATA" not in os.environ:
    os.environ["ENTREPOT_DATA"] = tempfile.mkdtemp(prefix="entrepot-tests-")

from entrepot.settings import *  # noqa: F403
from entrepot.settings import DATABASES

DATABASES["default"]["TEST"] = {"NAME": str(Path(os.environ["ENTREPOT_DATA"]) / "test.sqlite3")}
