"""What the page of a project costs: `ENTREPOT_DATA=DIR python -m bench.projectpage`, on an empty index.

It makes one project with 2 releases and 4 files, and one with 2,000 releases and 10,000 files, each file with a
description of 36 KB and 20 requirements, and asks for their pages within this process. Times are processor time.
"""

import statistics
import time

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import entrepot.boot  # noqa: F401 - Django must be ready before its models are imported
from entrepot.cli.installation import prepare
from entrepot.projects.models import File, Index, Project, Release

ROUNDS = 50
SIZES = {"bench-small": (2, 2), "bench-large": (2_000, 5)}  # releases, files of each


def fill(index: Index, name: str, releases: int, files: int) -> None:
    """One project of that size."""
    now = timezone.now()
    project = Project.objects.create(index=index, name=name, display_name=name, skeleton=name, created_at=now)
    versions = [f"{number // 100}.{number % 100}.0" for number in range(releases)]
    rows = [
        Release(project=project, version=each, canonical=each.removesuffix(".0"), created_at=now) for each in versions
    ]
    about = {
        "metadata_version": "2.4",
        "name": name,
        "version": "1.0",
        "summary": "What it does, in one line.",
        "description": "Words of some length. " * 1_700,
        "requires_dist": [f"needed-{number}>=1.{number}" for number in range(20)],
        "classifiers": [f"Programming Language :: Python :: 3.{minor}" for minor in range(9, 15)],
    }
    File.objects.bulk_create(
        (
            File(
                release=release,
                filename=f"{name}-{release.version}-cp31{number}-cp31{number}-manylinux_2_28_x86_64.whl",
                kind="bdist_wheel",
                size=1_234_567,
                sha256=f"{release.pk:064x}",
                blake2=f"{release.pk * 10 + number:064x}",
                md5=f"{release.pk:032x}",
                metadata=about,
                metadata_sha256=f"{release.pk:064x}",
                uploaded_at=now,
            )
            for release in Release.objects.bulk_create(rows)
            for number in range(files)
        ),
        batch_size=500,
    )


def measure(path: str) -> str:
    """Queries, bytes on the wire and median milliseconds of a page."""
    client, spent = Client(headers={"accept-encoding": "br"}), []
    with CaptureQueriesContext(connection) as queries:
        size = len(client.get(path).content)
    count = len(queries)
    for _ in range(ROUNDS):
        began = time.process_time()
        client.get(path)
        spent.append(time.process_time() - began)
    median = statistics.median(spent) * 1000
    return f"{path:32} {count:3} queries  {size:7,} bytes  {median:6.1f} ms"


def main() -> None:
    """Fill the index, and print a line for each page."""
    index = prepare()
    for name, (releases, files) in SIZES.items():
        fill(index, name, releases, files)
    for name in SIZES:
        for rest in ("", "0.1.0/", "history/", "dependents/"):
            print(measure(f"/project/{name}/{rest}"))


if __name__ == "__main__":
    main()
