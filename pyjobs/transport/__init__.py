"""How a call reaches Redis and comes back. The only folder that imports redis-py and hiredis.

Other folders import from here and not past it. What is not listed is private.
"""

from pyjobs.transport.aio_shards import AsyncShards, aresults_subscription
from pyjobs.transport.aio_subscription import AsyncSubscription
from pyjobs.transport.backoff import Backoff, Outage
from pyjobs.transport.cluster import AsyncCluster
from pyjobs.transport.commands import acommand, command
from pyjobs.transport.errors import ErrorTranslation, translating, writes_refused
from pyjobs.transport.given import GivenServer
from pyjobs.transport.loader import aload, load, publish
from pyjobs.transport.memory import forget_memory, move_memory_clock
from pyjobs.transport.parts import KnownParts, known_parts_of, node_of_submit
from pyjobs.transport.registry import aregister, known_queues, modes_of, register, registered
from pyjobs.transport.send import (
    MOST_NODES,
    alearn_parts,
    arun,
    arun_answer,
    arun_many,
    learn_parts,
    run,
    run_answer,
    run_many,
)
from pyjobs.transport.server import (
    CLOSE_SECONDS,
    REPLY_SECONDS,
    AsyncServer,
    Server,
    aclose,
    aconnect,
    address_of,
    answering,
    aprimaries,
    connect,
    database,
    is_cluster,
    owned_by,
    owner_of,
    primaries,
    spans_nodes,
)
from pyjobs.transport.subscription import Message
from pyjobs.transport.sync_shards import Shards, results_subscription
from pyjobs.transport.sync_subscription import Subscription
from pyjobs.transport.threads import side_by_side
from pyjobs.transport.url import DEFAULT_URL, checked_url, chosen_url, shown

__all__ = [  # noqa: RUF022
    # Where a server is, and a client of it.
    "DEFAULT_URL",
    "checked_url",
    "chosen_url",
    "shown",
    "AsyncCluster",
    "AsyncServer",
    "GivenServer",
    "Server",
    "CLOSE_SECONDS",
    "REPLY_SECONDS",
    "aclose",
    "aconnect",
    "address_of",
    "answering",
    "aprimaries",
    "connect",
    "database",
    "is_cluster",
    "owned_by",
    "owner_of",
    "primaries",
    "spans_nodes",
    # Calls of scripts.
    "MOST_NODES",
    "arun",
    "arun_answer",
    "arun_many",
    "run",
    "run_answer",
    "run_many",
    "alearn_parts",
    "learn_parts",
    "KnownParts",
    "known_parts_of",
    "node_of_submit",
    "side_by_side",
    # Other commands.
    "acommand",
    "command",
    "aload",
    "load",
    "publish",
    "aregister",
    "forget_memory",
    "known_queues",
    "modes_of",
    "move_memory_clock",
    "register",
    "registered",
    # Messages of channels.
    "AsyncShards",
    "aresults_subscription",
    "results_subscription",
    "AsyncSubscription",
    "Message",
    "Shards",
    "Subscription",
    # What goes wrong, and how long to wait then.
    "Backoff",
    "ErrorTranslation",
    "Outage",
    "translating",
    "writes_refused",
]
