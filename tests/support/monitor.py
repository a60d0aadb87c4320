"""What a script does inside a real server, as MONITOR shows it.

Reading MONITOR may live here; what a script may do is for the tests to say.
"""

from __future__ import annotations

import re
from typing import Any

from pyjobs.engine.call import Call
from support.store import Store

OF_A_SCRIPT = re.compile(rb"[0-9.]+ \[\d+ lua\] ")
WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')
MARK = b"the end of this look"


def commands_of(store: Store, call: Call[Any], body: str = "") -> list[list[bytes]]:
    """The commands that a script runs in one call, in order: each its name and arguments.

    Args:
        body: a changed body of the script to run in place of its own.
    """
    found: list[list[bytes]] = []
    text = body or call.script.body
    with store.redis.monitor() as monitor:
        store.redis.eval(text, len(call.keys), *call.keys, *call.args)
        store.redis.echo(MARK)
        while MARK not in (line := monitor.connection.read_response(disable_decoding=True)):
            if match := OF_A_SCRIPT.match(line):
                found.append(WORD.findall(line, match.end()))
    return found
