"""Servers that lack a command or a right: what goes on without it, and what is said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import exceptions
from support.running import opened, wait_until, working
from support.servers import FOUND, SOCKET_PLACES, at, own_server
from support.store import Store

import pyjobs
from pyjobs.client import sweep
from pyjobs.engine.keys import Keys
from pyjobs.engine.queue import fetch
from pyjobs.engine.reliable import RELIABLE
from pyjobs.errors import Forbidden, Unavailable
from pyjobs.transport import connection, stream, sync_connection
from pyjobs.transport.errors import HINT_OF_TLS
from pyjobs.transport.send import run
from pyjobs.transport.server import connect

BOTH = pytest.mark.parametrize("aio", [False, True], ids=["sync", "asyncio"])
SOON = 60.0


@contextlib.contextmanager
def without(*commands: str) -> Iterator[Any]:
    """A server that does not know these commands."""
    words = [word for name in commands for word in ("--rename-command", name, "")]
    with own_server(*words) as server:
        yield server


def forbid(server: Any, *rules: str) -> str:
    """Let the user `some` do all but what these rules forbid; returns the user's URL."""
    with connect(server.url) as admin:
        admin.execute_command(
            "ACL", "SETUSER", "some", "reset", "on", ">pw", "~*", "&*", "+@all", *rules
        )
    return str(server.url).replace("://", "://some:pw@")


def reverse(job: pyjobs.ClaimedJob) -> Any:
    return job.data[::-1]


@BOTH
@pytest.mark.parametrize("by", ["no such command", "no right"])
def test_scripts_are_sent_whole_where_they_cannot_be_loaded(
    by: str, aio: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stream.note_no_load.cache_clear()
    caplog.set_level(logging.WARNING, "pyjobs")
    with without(*["SCRIPT"] * (by == "no such command")) as server:
        url = server.url if by == "no such command" else forbid(server, "-script")
        with opened(url, aio=aio, queue="q") as client, working(url, reverse, queues=["q"]):
            assert client.submit("ab").result(SOON) == "ba"
            jobs = client.submit_many(["ab"] * 600)
            assert {job.result(SOON) for job in jobs} == {"ba"}
    assert sum("scripts can't be loaded" in line for line in caplog.messages) == 1


@BOTH
@pytest.mark.parametrize("by", ["no such command", "no right", "no channel"])
def test_a_client_that_may_not_subscribe_looks_results_up_and_says_so_once(
    by: str, aio: bool, caplog: pytest.LogCaptureFixture
) -> None:
    sweep.note_unheard.cache_clear()
    caplog.set_level(logging.WARNING, "pyjobs")
    rules = {"no right": "-subscribe", "no channel": "resetchannels"}
    with without(*["SUBSCRIBE"] * (by not in rules)) as server:
        url = forbid(server, rules[by]) if by in rules else server.url
        with (
            opened(url, aio=aio, queue="q", sweep=60) as client,
            working(server.url, reverse, queues=["q", "r"]),
        ):
            began = time.monotonic()
            assert client.submit("ab").result(SOON) == "ba"
            jobs = client.submit_many(["ab"] * 300, queue="r")
            assert {job.result(SOON) for job in jobs} == {"ba"}
            assert client.job(jobs[0].id, queue="r").result(SOON) == "ba"
            assert time.monotonic() - began < SOON
    assert sum("no results can be heard" in line for line in caplog.messages) == 1


@BOTH
def test_a_client_hears_the_queue_that_it_may_and_looks_up_the_results_of_the_other(
    aio: bool,
) -> None:
    with own_server() as server:
        url = forbid(server, "resetchannels", "&jobs:{q}:*")
        with (
            opened(url, aio=aio, queue="q", sweep=60) as client,
            working(server.url, reverse, queues=["q", "r"]),
        ):
            for queue in ("q", "r", "q", "r"):
                assert client.submit("ab", queue=queue).result(SOON) == "ba"
            with connect(server.url) as admin:
                [heard] = admin.pubsub_channels("jobs:*:client:*")
                assert heard.startswith(b"jobs:{q}:client:")


@BOTH
def test_a_client_of_simple_mode_that_may_not_subscribe_is_forbidden_at_once(aio: bool) -> None:
    """Its results are in messages only, and nothing can be looked up."""
    with own_server() as server:
        url = forbid(server, "-subscribe")
        with (
            opened(url, aio=aio, queue="q", mode="simple") as client,
            pytest.raises(Forbidden, match="subscribe"),
        ):
            client.submit(1)


def test_a_missing_right_to_load_scripts_is_named_where_eval_lacks_too() -> None:
    with (
        own_server() as server,
        connect(forbid(server, "-script", "-eval")) as some,
        pytest.raises(Forbidden) as caught,
    ):
        run(some, RELIABLE.submit(Keys().queue("q"), [("a", b"1")]))
    assert "script" in str(caught.value)


@pytest.mark.parametrize("command", ["PING", "BLPOP", "ACL", "PUBLISH"])
def test_a_worker_runs_jobs_without_a_command_that_only_helps(command: str) -> None:
    with (
        without(command) as server,
        working(server.url, reverse, queues=["q"]),
        pyjobs.Client(server.url, queue="q", sweep=0.1) as client,
    ):
        assert client.submit("ab").result(SOON) == "ba"


def test_a_worker_says_once_that_a_server_without_publish_publishes_no_results(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        without("PUBLISH") as server,
        pyjobs.Client(server.url, queue="q", sweep=0.1) as client,
        working(server.url, reverse, queues=["q"]),
    ):
        assert client.submit("ab").result(SOON) == "ba"
        assert client.submit("cd").result(SOON) == "dc"
    assert sum("results can't be published" in line for line in caplog.messages) == 1


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("command", ["time", "hmget", "exists"])
def test_a_right_that_a_script_lacks_before_it_can_ask_is_forbidden(
    name: str, command: str
) -> None:
    with own_server(name=name) as server:
        with connect(forbid(server, f"-{command}")) as some, pytest.raises(Forbidden):
            run(some, RELIABLE.submit(Keys().queue("q"), [("a", b"1")]))
        with connect(server.url) as admin:
            assert admin.keys("jobs:*") == []


@BOTH
def test_a_command_that_a_server_lacks_inside_a_script_is_forbidden(aio: bool) -> None:
    with (
        without("TIME") as server,
        opened(server.url, aio=aio, queue="q") as client,
        pytest.raises(Forbidden, match=r"(?i)unknown (redis )?command"),
    ):
        client.submit(1)


def test_a_worker_runs_jobs_without_the_command_to_hear_of_cancelled_ones() -> None:
    with without("SUBSCRIBE") as server, connect(server.url) as some:
        key = Keys().queue("q")
        run(some, RELIABLE.submit(key, [("a", b'"ab"')]))
        with working(server.url, reverse, queues=["q"]):
            wait_until(lambda: run(some, fetch(key, ["a"]))[0].state == "done")


@BOTH
@pytest.mark.parametrize("one", [True, False], ids=["submit", "submit_many"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept connection", "new connection"])
def test_a_password_that_is_set_at_run_time_is_unavailable(
    one: bool, aio: bool, kept: bool
) -> None:
    with own_server() as server, opened(server.url, aio=aio, queue="q", sweep=60) as client:
        if kept:
            client.submit(1)
        with connect(server.url) as admin:
            admin.config_set("requirepass", "secret")
            admin.client_kill_filter(skipme=True, _type="normal")
        if aio and kept:
            # A call that is sent before the loop has seen its connection end can't know more.
            client._loop.do(asyncio.sleep(0.05))
        with pytest.raises(Unavailable, match="Authentication required") as caught:
            client.submit("x" * 30_000) if one else client.submit_many(["x" * 30_000] * 500)
        assert type(caught.value) is Unavailable


@BOTH
def test_tls_to_a_plain_port_is_named(aio: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that reads a greeting in TLS as a command of its own, and goes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = listening.accept()
                    peer.recv(100)
                    peer.sendall(b"-ERR Protocol error\r\n")
                    peer.close()

        threading.Thread(target=answer, daemon=True).start()
        url = f"rediss://:secret@127.0.0.1:{listening.getsockname()[1]}"
        with opened(url, aio=aio) as client, pytest.raises(Unavailable) as caught:
            client.submit(1)
    assert str(caught.value).endswith(f"; {HINT_OF_TLS}")
    assert str(caught.value).count(HINT_OF_TLS) == 1 and "secret" not in str(caught.value)


class Closed:
    """A connection that another thread has closed, which redis-py polls all the same."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def can_read(self, _: float) -> bool:
        raise self._error


@pytest.mark.parametrize(
    "error", [TypeError("argument must be an int"), AttributeError("recv"), ValueError("-1")]
)
def test_a_connection_that_another_thread_closed_has_ended(error: Exception) -> None:
    with pytest.raises(exceptions.ConnectionError, match="closed by server"):
        connection.can_read(Closed(error))


@at(SOCKET_PLACES)
def test_a_call_on_a_kept_connection_that_another_thread_closes_meanwhile_is_sent(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py polls the socket None then, which is a TypeError."""
    with connect(store.url) as server:
        call = RELIABLE.submit(Keys().queue("q"), [("a", b"1")])
        other = type("Other", (), {"read_response": None})
        monkeypatch.setattr(sync_connection, "AbstractConnection", other)
        run(server, call)
        kind = server.connection_pool.connection_class
        can_read = kind.can_read

        def closed_meanwhile(self: Any, *args: Any) -> Any:
            monkeypatch.undo()
            parser = self._parser
            reader = parser._reader
            self.disconnect()
            parser._reader = reader
            self._sock = object()
            try:
                return can_read(self, *args)
            finally:
                self._sock = None

        monkeypatch.setattr(kind, "can_read", closed_meanwhile)
        assert run(server, call)[0].id == "a"
        assert kind.can_read is can_read
