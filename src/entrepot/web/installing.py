"""The lines that install a project from this index, as people paste them into a shell."""

import shlex
from dataclasses import dataclass

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Command:
    """What a tool is told. `key` names it within the page."""

    key: str
    tool: str
    text: str


def commands(requirement: str, *, url: str, trusted_host: str) -> list[Command]:
    """For each tool what installs `requirement` from the index at `url`; see `web.views.trusted_host`."""
    what, index = shlex.quote(requirement), f"{url}/simple/"
    trust = f"--trusted-host {trusted_host} " if trusted_host else ""
    unverified = "pdm config --local pypi.verify_ssl false\n" if trusted_host else ""
    return [
        Command("pip", "pip", f"pip install {trust}--index-url {index} {what}"),
        Command("uv", _("uv, in a project"), f"uv add --default-index {index} {what}"),
        Command("uv-environment", _("uv, in an environment"), f"uv pip install --default-index {index} {what}"),
        Command(
            "poetry",
            "Poetry",
            f"poetry source add --priority=primary entrepot {index}\npoetry add --source entrepot {what}",
        ),
        Command("pdm", "PDM", f"pdm config --local pypi.url {index}\n{unverified}pdm add {what}"),
    ]
