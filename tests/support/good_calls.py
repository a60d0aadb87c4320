"""A good call of any script, made from the manifest alone, on a queue with jobs in every state.

Tests that run for every script start from such a call. A new type of argument needs a value in
`VALUES`.
"""

from __future__ import annotations

from typing import Any

from pyjobs.engine.call import Call
from pyjobs.engine.modes import MODES
from pyjobs.engine.replies import Claimed
from pyjobs.engine.scripts import Arg, Script, everything
from support.store import HOUR, Jobs, Q, Store

SCRIPTS = [*everything()]
TITLES = [script.title for script in SCRIPTS]
VALUES: dict[str, Arg] = {
    "name": "good",
    "int": "1",
    "ms": "1000",
    "options": "",
    "bytes": b"x",
    "verdict": "retry",
    "moments": "9999999999998",
    "cursor": "",
    "id": "held0",
}
# The options without which a script refuses every call.
OPTIONS = {"schedule": "every=60000", "parts": "parts=2 places=1"}
# Items for a verb that would find nothing to do for those from the manifest alone.
REPAIRED = ["held0", "held1", "waits", "later", "done", "failed", "suspect", "gone"]
BUSY_ITEMS: dict[str, list[Arg]] = {
    "submit": ["", b"1", "made", b"1"],
    "cancel": ["held0", "waits", "later"],
    "requeue": ["failed", "done"],
    "watch": ["held0", "waits", "done"],
    "queue/delete": ["waits", "later", "done"],
    "queue/run": ["later"],
    "queue/send": ["waits", "later", "failed"],
    "queue/sent": ["waits", "0-n", "received", "later", "0-n", "CONFLICT", "failed", "0-n", "no"],
    "queue/find": ["held0", "waits", "done"],
    "queue/repair": [part for id in REPAIRED for part in (id, "-")],
}


def mode_of(script: Script) -> str:
    """The mode that a script needs; those of every mode are tried in reliable mode."""
    name = script.name.split("/", maxsplit=1)[0]
    return name if name in MODES else "reliable"


def furnish(store: Store, mode: str, held: int = 2) -> list[Claimed]:
    """A queue with jobs in every state of `mode`; returns those that are in flight."""
    jobs = Jobs(store, MODES[mode])
    jobs.complete(*jobs.take("done", client="me"))
    jobs.fail(*jobs.take("failed", client="me"), verdict="reject")
    taken = jobs.take(*[f"held{n}" for n in range(held)], client="me")
    if jobs.mode.leases and taken:
        jobs.update(taken[0], saved=b"page 1")
    jobs.submit("waits", "waits-too")
    if jobs.mode.stores:
        jobs.submit("later", delay=HOUR)
        jobs.schedule("good", moments=[jobs.now() + HOUR])
    return taken


class Good:
    """Good KEYS, ARGV and items for one script."""

    def __init__(self, script: Script, held: list[Claimed]) -> None:
        self.script, self.held = script, held
        self.fields = script.about["items"]
        options = OPTIONS.get(script.name.partition("/")[2], "")
        values = VALUES | {"options": options}
        self.args: list[Arg] = [
            arg["values"][0] if arg["type"] == "word" else values[arg["type"]]
            for arg in script.about["args"]
        ]

    def item(self, place: int) -> list[Arg]:
        names = {field["name"] for field in self.fields}
        return [self._field(field, place, "token" in names) for field in self.fields]

    def items(self, count: int = 2) -> list[Arg]:
        return [part for place in range(count) for part in self.item(place)] if self.fields else []

    def call(
        self,
        keys: tuple[Any, ...] = (Q,),
        args: list[Any] | None = None,
        items: list[Any] | None = None,
    ) -> Call[Any]:
        argv = (*(self.args if args is None else args), *(self.items() if items is None else items))
        return Call(self.script, keys, argv, lambda reply: reply)

    def busy_call(self, options: str = "") -> Call[Any]:
        """A call that moves all that it may move."""
        args = [*self.args]
        needed = OPTIONS.get(self.script.name.partition("/")[2], "")
        options = " ".join(filter(None, (needed, options)))
        # Two minutes: the present one may begin amid a test.
        words = {"options": options, "skip": "0", "limit": "100", "minutes": "2"}
        for name, value in words.items():
            if name in self.script.names:
                args[self.script.names.index(name)] = value
        name = self.script.name
        busy = BUSY_ITEMS.get(name) or BUSY_ITEMS.get(name.partition("/")[2])
        return self.call(args=args, items=busy)

    def _field(self, field: dict[str, Any], place: int, claimed: bool) -> Arg:
        unknown = Claimed(0, f"fresh{place}", "1.2.me", b"", 1, 0, 0)
        job = self.held[place] if claimed and place < len(self.held) else unknown
        if field["type"] in ("id", "token"):
            return str(getattr(job, field["type"]))
        return VALUES[field["type"]]
