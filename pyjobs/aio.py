"""The public names for asyncio: a client that submits jobs and awaits their results.

Everything else, such as the errors and `Options`, also serves asyncio, and lives in `pyjobs`.
"""

from pyjobs.client.aio import Client, Job

__all__ = ["Client", "Job"]
