"""What tests of programs built on pyjobs stand on: real servers, and workers in threads.

    from pyjobs.testing import Server, find_servers, running

    with Server(find_servers()[0]) as server:
        worker = Worker(server.url)
        ...
        with running(worker):
            ...

`python -m pyjobs.testing.compliance URL` proves a server of your own. Nothing here is for
production. Other programs import from this file and from `pyjobs.testing.compliance`.
"""

from pyjobs.testing.binaries import Binary, find_redis_cli, find_servers
from pyjobs.testing.servers import Server, StartFailed
from pyjobs.testing.workers import Running, running

__all__ = [
    "Binary",
    "Running",
    "Server",
    "StartFailed",
    "find_redis_cli",
    "find_servers",
    "running",
]
