"""Connections to PostgreSQL that do not wait for ever.

A server that is down refuses, and a machine that is gone is noticed by TCP. A server that has stopped, with its
connections open, is noticed by nobody: it would hold a request for as long as the client has patience.
"""

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow

from entrepot.patience import DATABASE


class Connection(psycopg.Connection[TupleRow]):
    """A connection that is given up when the server lets an answer wait for too long: see `entrepot.patience`.

    What it had begun does not happen, unless it was the commit itself that found no answer: then nobody knows, as
    whenever a connection is lost.
    """

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Raises OperationalError when there is no answer in time. Not for waiting for notifications."""
        try:
            return super().wait(gen, interval, DATABASE.seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001 - psycopg leaves it to its callers
            self.close()
            raise psycopg.OperationalError(f"no answer for {DATABASE.seconds} seconds") from error
