"""`AsyncAdmin`: what an operator asks of queues and does to them, by asyncio.

Only its connections may live here. Its methods stand by matter in the files aio_*.py. `Admin`
is made of the same plans; only the sender differs.
"""

from __future__ import annotations

from pyjobs.admin.aio_changing import AsyncChanges
from pyjobs.admin.aio_history import AsyncHistory
from pyjobs.admin.aio_inspection import AsyncInspection
from pyjobs.admin.aio_maintenance import AsyncMaintenance
from pyjobs.admin.aio_setting import AsyncSettings
from pyjobs.engine import Keys
from pyjobs.hints import OF_CONNECTIONS, named_options
from pyjobs.transport import ErrorTranslation, GivenServer, aclose, aconnect, chosen_url


class AsyncAdmin(AsyncInspection, AsyncHistory, AsyncChanges, AsyncSettings, AsyncMaintenance):
    """Responsible for what an operator asks of the queues of a server and does to them, by asyncio.

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
        self._server = aconnect(url)
        self._errors = ErrorTranslation(url)

    async def __aenter__(self) -> AsyncAdmin:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await aclose(self._server)
