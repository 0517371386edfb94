"""A process that changes an index as fast as it can: `python -m writing NAME ROUNDS`, three changes a round.

Whoever starts it may kill it at any moment.
"""

import sys

import entrepot.boot  # noqa: F401 - before what needs settings

# isort: split
from archives import forge
from entrepot.accounts.actor import OPERATOR
from entrepot.accounts.models import User
from entrepot.config import Config
from entrepot.ports.files import FileStore
from entrepot.projects import actions
from entrepot.projects.queries import index_at_root
from world import World

PROJECT = "shared"


def write(name: str, rounds: int) -> None:
    """Upload, yank and unyank files of one project that all such processes share."""
    store = Config.current().store()
    assert isinstance(store, FileStore)
    world = World(index_at_root(), store, User.objects.get(username="alice"))
    for each in range(rounds):
        version = f"{name}.{each}"
        world.upload(forge.wheel(PROJECT, version), shown=each % 2 == 0)
        actions.yank_release(world.release(PROJECT, version), by=world.actor, reason="too early")
        actions.unyank_release(world.release(PROJECT, version), by=OPERATOR)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
