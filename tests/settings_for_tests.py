"""Entrepot's settings, over a data directory of this run's own."""

import os
import tempfile
from pathlib import Path

if "ENTREPOT_DATA" not in os.environ:
    os.environ["ENTREPOT_DATA"] = tempfile.mkdtemp(prefix="entrepot-tests-")

os.environ.setdefault("ENTREPOT_DNS", "off")  # nothing outside of this machine is asked

from entrepot.settings import *  # noqa: F403
from entrepot.settings import DATABASES

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Else it would lie in memory, where no other process sees it.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(os.environ["ENTREPOT_DATA"]) / "test.sqlite3")}
