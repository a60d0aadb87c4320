"""A cluster whose nodes are reached by TLS alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.cluster import ClusterOfNodes, ask, cluster_of
from support.handlers import echo
from support.running import opened, wait_until, working
from support.tls import certificate, encrypted

import pyjobs
from pyjobs.errors import Unavailable

pytestmark = [pytest.mark.slow, pytest.mark.long]
SOON = 30.0
Tls = tuple[ClusterOfNodes, str, Path]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    """Three primaries that name a door of TLS as their address, the doors, and their authority."""
    crt = certificate(tmp_path_factory.mktemp("tls"), "right")
    with ExitStack() as stack:
        cluster = stack.enter_context(cluster_of(3))
        doors = {stack.enter_context(encrypted(one.url, crt)): one for one in cluster.nodes}
        for port, node in doors.items():
            for setting, value in (
                ("cluster-announce-port", port),
                ("cluster-announce-hostname", "localhost"),
                ("cluster-preferred-endpoint-type", "hostname"),
            ):
                ask(node, "CONFIG", "SET", setting, value)

        def named() -> bool:
            """Whether each node names the doors of all."""
            wanted = {(b"localhost", port) for port in doors}
            return all(
                {tuple(row[2][:2]) for row in ask(node, "CLUSTER", "SLOTS")} == wanted
                for node in cluster.nodes
            )

        wait_until(named, SOON)
        yield cluster, ",".join(f"localhost:{port}" for port in doors), crt


@pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
def test_queues_of_each_node_of_a_cluster_by_tls_are_served(tls: Tls, aio: bool) -> None:
    cluster, hosts, crt = tls
    url, names = f"rediss+cluster://{hosts}?ssl_ca_certs={crt}", cluster.names(6)
    large = "large" * 60_000
    with working(url, echo, queues=names), opened(url, aio=aio) as client:
        jobs = [client.submit(name, queue=name) for name in names]
        assert [job.result(SOON) for job in jobs] == names
        assert client.submit(large, queue=names[1]).result(SOON) == large
    assert len({id(cluster.owner(name)) for name in names}) == 3


def test_a_cluster_by_tls_with_an_unknown_authority_is_unavailable(
    tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyjobs.transport.retry.PAUSES", (0.0,) * 5)
    cluster, hosts, _ = tls
    with (
        pyjobs.Client(f"rediss+cluster://{hosts}") as client,
        pytest.raises(Unavailable, match=r"(?i)certificate"),
    ):
        client.submit(1, queue=cluster.names(1)[0])
