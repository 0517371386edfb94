"""How much an archive may hold, and the account that is kept while one is read.

The limits are far above what is published (a few wheels hold 20,000 files) and low enough that one upload costs
little more than reading it, and some tens of MiB of memory, whatever it says about itself.
"""

from entrepot.archives.faults import invalid, shown

MIB = 1024 * 1024
MAX_MEMBERS = 50_000
MAX_NODES = 65_536  # members and the directories that their names imply
MAX_NAMES = 8 * MIB  # bytes of all member names together
MAX_TOTAL = 16 * 1024 * MIB  # bytes, unpacked
RATIO_FLOOR = 64 * MIB  # below this, the ratio says nothing
MAX_RATIO = 50  # unpacked bytes for each byte of the archive


class Account:
    """Counts members and unpacked bytes of one archive of `archive_size` bytes, and refuses at the first too many."""

    def __init__(self, archive_size: int) -> None:
        self._bytes_left = min(MAX_TOTAL, max(RATIO_FLOOR, MAX_RATIO * archive_size))
        self._members_left = MAX_MEMBERS
        self._names_left = MAX_NAMES

    def count_member(self, name: bytes) -> None:
        self._members_left -= 1
        self._names_left -= len(name)
        if self._members_left < 0:
            raise invalid("archive-members", f"It has more than {MAX_MEMBERS} members; {shown(name)} is one too many.")
        if self._names_left < 0:
            raise invalid("archive-members", f"Its member names are too long together, up to {shown(name)}.")

    def count_bytes(self, number: int, what: str) -> None:
        """`number` more unpacked bytes, declared or seen; `what` names their place for a sentence."""
        self._bytes_left -= number
        if self._bytes_left < 0:
            raise invalid(
                "archive-bomb",
                f"It unpacks to too much at {what}: at most {MAX_TOTAL // MIB} MiB, and {MAX_RATIO} times its own "
                f"size once that is over {RATIO_FLOOR // MIB} MiB.",
            )
