"""The public names for asyncio: the same client as `pyjobs.Client`, with await."""

from pyjobs.client.aio import Client, Job

__all__ = ["Client", "Job"]
