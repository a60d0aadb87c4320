"""Short drills of a cluster with replicas. `scripts/cluster` does the long ones."""

from __future__ import annotations

from ctypes.util import find_library
from pathlib import Path

import pytest
from drill import growth, nodes, runs
from drill.account import Account, undisturbed
from drill.load import Load
from drill.nodes import cluster_of, preloaded
from drill.runs import ATOMIC, DRILLS
from support.servers import FOUND

from pyjobs.testing import Binary

# What a busy machine may add; the full size is held to the promise.
PATIENCE = 4.0
# A machine that stands still for a while must not make the nodes choose another primary, where that
# is not what the drill is about.
NODE_TIMEOUT = 5.0
# At this size a kill adds nothing to what `arrivals` and `grow` show.
SHORT = [name for name in DRILLS if name != "arrivals-kill"]
SERVERS = [name for name in sorted(FOUND) if name in {"redis-7.0", "valkey-9.1"}]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("drill", SHORT)
@pytest.mark.parametrize("name", SERVERS)
def test_a_small_drill_breaks_no_promise(
    name: str, drill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "OTHERS", runs.OTHERS + PATIENCE)
    monkeypatch.setattr(runs, "DEAD", runs.DEAD + PATIENCE)
    monkeypatch.setattr(growth, "OTHERS", growth.OTHERS + PATIENCE)
    monkeypatch.setattr(growth, "DEAD", growth.DEAD + PATIENCE)
    if not name.startswith(ATOMIC.get(drill, "")):
        pytest.skip("this server can't move a slot at once")
    seconds = nodes.NODE_TIMEOUT if drill.startswith(("kill", "grow")) else NODE_TIMEOUT
    with cluster_of(FOUND[name], node_timeout=seconds) as cluster:
        account = DRILLS[drill](cluster, True)
        assert cluster.malloc() != "libc" or find_library("jemalloc") is None
    assert account.broken == []


# --- the nodes ---


@pytest.mark.parametrize(("malloc", "library"), [("libc", "libx.so"), ("jemalloc-5.3.0", None)])
def test_jemalloc_is_preloaded_into_a_server_that_was_built_without(
    malloc: str, library: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "find_library", {"jemalloc": "libx.so"}.get)
    program = tmp_path / "server"
    program.write_text(f"#!/bin/sh\necho 'Valkey server v=9.1.2 sha=0:1 malloc={malloc} bits=64'\n")
    program.chmod(0o755)
    assert preloaded(Binary("valkey-9.1", str(program))) == library


# --- the account ---


def test_an_account_says_what_clients_noticed() -> None:
    account = Account(lost=1, twice=2)
    account.errors["Unavailable"] = 3
    undisturbed(account)
    assert account.broken == ["1 lost", "2 began twice", "errors of clients: {'Unavailable': 3}"]


def test_a_load_knows_how_long_a_job_waited_for_a_worker() -> None:
    load = Load("redis+cluster://h", [["a"], ["b"]])
    load.sent["a"] += [1.0, 2.0]
    load.starts["a"] += [1.1, 2.7]
    load.sent["b"] += [9.0]
    assert load.longest_wait(["a", "b"], 0.0, 5.0) == pytest.approx(0.7)
    # One that has not begun has waited until the end.
    assert load.longest_wait(["b"], 0.0, 9.5) == pytest.approx(0.5)
    assert load.has_begun(["a"], 2.0) and not load.has_begun(["a", "b"], 0.0)
    assert load.again(["a"], 1.0) == 1.1


def test_a_load_knows_how_long_its_own_process_stood_still() -> None:
    load = Load("redis+cluster://h", [["a"]])
    load.stalls += [(1.0, 0.3), (1.5, 0.2), (3.0, 0.1)]
    assert load.stalled(0.0, 5.0) == pytest.approx(0.6)
    assert load.stalled(2.0, 5.0) == pytest.approx(0.1)
    # Many long delays add up, and many short ones do so for a second.
    load.stalls += [(6.0 + n, 0.4) for n in range(4)]
    load.stalls += [(20.0 + n, 0.02) for n in range(40)]
    assert load.stalled(6.0, 10.0) == pytest.approx(1.6)
    assert load.stalled(20.5, 60.0) == pytest.approx(0.04)
