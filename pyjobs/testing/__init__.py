"""What tests of programs built on pyjobs stand on: real servers, and workers in threads.

    from pyjobs.testing import Server, find_servers, running

    with Server(find_servers()[0]) as server:
        worker = Worker(server.url)
        ...
        with running(worker):
            ...

`Jobs` is what the fixture `jobs` of pytest gives; `claimed_job` is for a unit test.

`python -m pyjobs.testing.compliance URL` proves a server of your own. Nothing here is for
production. Other programs import from this file and from `pyjobs.testing.compliance`.
"""

from pyjobs.testing.binaries import Binary, find_redis_cli, find_servers
from pyjobs.testing.claimed import claimed_job
from pyjobs.testing.jobs import Jobs, SubmittedJob
from pyjobs.testing.servers import Server, StartFailed
from pyjobs.testing.workers import Running, running

__all__ = [
    "Binary",
    "Jobs",
    "Running",
    "Server",
    "StartFailed",
    "SubmittedJob",
    "claimed_job",
    "find_redis_cli",
    "find_servers",
    "running",
]
