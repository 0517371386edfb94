"""What keeps search current: it follows the journal, in the worker."""

import hashlib
from collections.abc import Sequence

from entrepot.config import Config
from entrepot.search.describing import described
from entrepot.search.engines import engine


class Searching:
    """A follower. Where another engine is chosen it has another name, and so begins anew: that one knows nothing."""

    def __init__(self) -> None:
        url = Config.current().search_url
        self.name = f"search 2 {hashlib.blake2b(url.encode(), digest_size=6).hexdigest()}" if url else "search 2"

    def follow(self, projects: Sequence[int]) -> None:
        """Let these be found as they are now. Raises Unavailable("search-unavailable")."""
        documents, gone = described(projects)
        engine().put(documents)
        engine().remove(gone)
