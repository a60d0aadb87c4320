"""Whether each command of a script does work that has a bound, read from the script's syntax tree.

Nothing else may live here. That a bound is small enough, and that a loop has one, is for tests.
"""

from __future__ import annotations

from typing import Any

from luaparser import astnodes as lua

from lua_build.commands import calls_redis, text, walk
from lua_build.errors import BuildError
from lua_build.names import Names
from lua_build.prune import Live

# Commands whose work follows from their own words, not from how much a key holds.
BOUNDED = frozenset(
    {"DEL", "EXISTS", "EXPIRE", "PERSIST", "PEXPIRE", "PEXPIREAT", "PTTL", "TTL", "TYPE", "TIME"}
    | {"GET", "INCR", "INCRBY", "SET", "SETEX", "PUBLISH", "SPUBLISH"}
    | {"HDEL", "HEXISTS", "HGET", "HINCRBY", "HLEN", "HMGET", "HSET", "HSETNX"}
    # One job: as large as a submit and its runs may make it.
    | {"DUMP", "RESTORE"}
    # Its subscribers are counted by Redis; a script asks for so many channels.
    | {"PUBSUB"}
    | {"LLEN", "LMOVE", "LPOP", "LPUSH", "LTRIM", "RPOP", "RPUSH"}
    | {
        "ZADD",
        "ZCARD",
        "ZCOUNT",
        "ZINCRBY",
        "ZMSCORE",
        "ZPOPMIN",
        "ZRANK",
        "ZREM",
        "ZREVRANK",
        "ZSCORE",
    }
)
BY_PLACE = frozenset({"LRANGE", "ZRANGE", "ZREVRANGE", "ZREMRANGEBYRANK"})
BY_SCORE = frozenset({"ZRANGEBYSCORE", "ZREVRANGEBYSCORE"})


def check(path: str, names: Names, alive: Live) -> None:
    """Hold the commands of a script to what has a bound.

    Raises:
        BuildError: a command may read or write all that a key holds, or is not known here.
    """
    for node in walk(names.tree, alive.statements):
        if isinstance(node, lua.Call) and calls_redis(node.func):
            command, *words = node.args
            if why := fault(text(command).upper(), words):
                raise BuildError(f"{path}: {text(command).upper()}: {why}")


def fault(command: str, words: list[Any]) -> str | None:
    """Why a command has no bound; None: it has."""
    if command in BOUNDED:
        return None
    if command in BY_PLACE:
        if len(words) < 3 or from_end(words[1]) != from_end(words[2]):
            return "a range must begin and end at the same side, or it is the whole key"
        return None
    if command in BY_SCORE:
        if len(words) < 6 or text(words[-3]) != "LIMIT" or from_end(words[-1]):
            return "a range of scores must end in 'LIMIT', 0, and how many"
        return None
    if command == "HGETALL":
        # Its fields have names that are all spelled in the scripts (lua/lib/queue/counters.lua).
        counters = isinstance(words[0], lua.Call) and text(words[0].func) == "counters_key"
        return None if counters else "it reads a whole key, and only counters have few fields"
    if command in ("XRANGE", "XREVRANGE"):
        bounded = len(words) == 5 and text(words[3]) == "COUNT"
        return None if bounded else "a range of a stream must end in 'COUNT' and how many"
    if command == "XADD":
        bounded = len(words) > 3 and text(words[1]) == "MAXLEN"
        return None if bounded else "a stream must have a length: 'MAXLEN', '~', and how many"
    if command == "LPOS":
        bounded = len(words) > 3 and text(words[-2]) == "MAXLEN"
        return None if bounded else "it must end in 'MAXLEN' and how many entries it compares"
    if command == "LREM":
        # How far it looks is up to the LPOS before it (lua/lib/verb/repair.lua).
        after_look = isinstance(words[1], lua.Index) and text(words[1].idx) == "unlist"
        return None if after_look else "only what LPOS has found near an end may be removed"
    if command == "ZREMRANGEBYSCORE":
        # No other set has a limit of its own (lua/lib/job/dead.lua, lua/lib/queue/counters.lua).
        few = isinstance(words[0], lua.Index) and text(words[0].idx) in ("dead", "counters")
        return (
            None if few else "only the dead and the counted tasks are few enough to be dropped so"
        )
    return "not known to have a bound; scripts/lua_build/bounds.py lists the commands that have"


def from_end(node: Any) -> bool:
    """Whether a place in a range is counted from the end: it is written as a negative number."""
    if isinstance(node, (lua.AddOp, lua.SubOp)):
        return from_end(node.left)
    if isinstance(node, lua.String):
        return text(node).startswith("-")
    if isinstance(node, lua.OrLoOp) and isinstance(node.left, lua.AndLoOp):
        return from_end(node.left.right) and from_end(node.right)
    return isinstance(node, lua.UMinusOp) or (isinstance(node, lua.Number) and node.n < 0)
