"""How a call reaches Redis and comes back. The only folder that imports redis-py and hiredis.

Other folders import from here and not past it.
"""

from pyjobs.transport.backoff import Outage
from pyjobs.transport.connect import CLOSE_SECONDS, REPLY_SECONDS, aclose, aconnect, connect
from pyjobs.transport.connection import Connection, open_connection, pack
from pyjobs.transport.errors import ErrorTranslation, translated
from pyjobs.transport.loader import aload, load, publish
from pyjobs.transport.pipeline import acommand
from pyjobs.transport.registry import aregister, register, registered
from pyjobs.transport.send import Async, Sync, arun, arun_many, run, run_many
from pyjobs.transport.url import DEFAULT_URL, checked_url, shown

__all__ = [
    "CLOSE_SECONDS",
    "DEFAULT_URL",
    "REPLY_SECONDS",
    "Async",
    "Connection",
    "ErrorTranslation",
    "Outage",
    "Sync",
    "aclose",
    "acommand",
    "aconnect",
    "aload",
    "aregister",
    "arun",
    "arun_many",
    "checked_url",
    "connect",
    "load",
    "open_connection",
    "pack",
    "publish",
    "register",
    "registered",
    "run",
    "run_many",
    "shown",
    "translated",
]
