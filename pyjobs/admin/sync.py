"""`Admin`: what an operator asks of queues and does to them.

Only its connections may live here. Its methods stand by matter in the files sync_*.py. `AsyncAdmin`
is made of the same plans; only the sender differs.
"""

from __future__ import annotations

from pyjobs.admin.sync_changing import Changes
from pyjobs.admin.sync_history import History
from pyjobs.admin.sync_inspection import Inspection
from pyjobs.admin.sync_maintenance import Maintenance
from pyjobs.admin.sync_setting import Settings
from pyjobs.engine import Keys
from pyjobs.hints import OF_CONNECTIONS, named_options
from pyjobs.transport import ErrorTranslation, GivenServer, chosen_url, connect


class Admin(Inspection, History, Changes, Settings, Maintenance):
    """Responsible for what an operator asks of the queues of a server and does to them.

    Args:
        url: where Redis is. None is the environment variable PYJOBS_URL, or redis://localhost:6379
            where that is unset. A client or pool of redis-py gives its address, login and TLS
            settings, and none of its connections.
        prefix: what every key in Redis begins with.

    Raises:
        BadArgument: the URL or the prefix is malformed.
    """

    @named_options(OF_CONNECTIONS)
    def __init__(self, url: str | GivenServer | None = None, *, prefix: str = "jobs") -> None:
        self._keys = Keys(prefix)
        url = chosen_url(url)
        self._server = connect(url)
        self._errors = ErrorTranslation(url)

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._server.close()
