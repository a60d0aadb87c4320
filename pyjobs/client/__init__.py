"""Submitting jobs and waiting for their results: what is public here is Client and Job.

Other folders import from here and not past it.
"""

from pyjobs.client.job import LIVE_STATES, gone
from pyjobs.client.sync import Client, Job

__all__ = [
    "LIVE_STATES",
    "Client",
    "Job",
    "gone",
]
