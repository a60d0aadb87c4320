"""Which files are changed, and which tests must notice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mutation import lua, python
from mutation.mutant import Mutant

# One server, and no test that is long: what differs between servers is no matter of a mutant.
ON_A_SERVER = ("-k", "not memory and not redis-6.2 and not valkey and not redis-8.2-async")
IN_MEMORY = ("-k", "not redis- and not valkey and not memory-async")
SHORT = ("-m", "not slow")
# The modules that decide without I/O, and the tests of each, those that know it best first.
CORE = ("test_worker_core", "test_worker_core_ends")
CLIENT = ("test_client_core", "test_client", "test_client_waiting", "test_client_listening")
MODULES: dict[str, tuple[str, ...]] = {
    "worker/claiming/core": CORE,
    "worker/claiming/claims": ("test_claims", *CORE),
    "worker/liveness/leases": ("test_leases", "test_heartbeat", *CORE),
    "worker/claiming/outbox": ("test_outbox", *CORE),
    "worker/outcomes": ("test_verdicts", "test_run", "test_worker_failures"),
    "worker/claiming/prefetch": ("test_prefetch", *CORE, "test_claims"),
    "worker/refusals": ("test_run", *CORE),
    "worker/run": ("test_run", *CORE),
    "worker/verdicts": ("test_verdicts",),
    "client/core": CLIENT,
    "client/pending": CLIENT,
    "client/submit": ("test_submit_builder", *CLIENT),
    "client/sweep": ("test_sweep", "test_client_waiting"),
    "client/batch": ("test_submit_builder", *CLIENT),
    "client/presence": CLIENT,
    "transport/retry": ("test_send", "test_durable_send"),
    "transport/backoff": ("test_backoff",),
    "transport/subscription": (
        "test_subscription_decisions",
        "test_subscription",
        "../client/test_client_listening",
    ),
    "engine/replies": (
        "../lua/test_replies",
        "../lua/test_claim",
        "../lua/test_result",
        "../lua/test_requeue",
    ),
    "engine/messages": ("test_messages",),
    "codec": ("test_codec",),
    "validate": ("test_validate", "client/test_submit_builder"),
    "ids": ("test_ids", "client/test_submit_builder"),
}

# By folder: the tests of a mutant that no test of its module has noticed.
WIDER = {
    "worker": ("worker", "docs/test_pages.py"),
    "client": ("client", "tasks", "docs/test_pages.py"),
    "transport": ("transport", "client", "worker"),
    "engine": ("engine", "lua"),
    "": ("client", "worker", "tasks"),
}


def of_lua(root: Path) -> Iterator[Mutant]:
    for path in sorted((root / "lua").glob("**/*.lua")):
        yield from lua.mutants(root, path.relative_to(root).as_posix())


def of_python(root: Path) -> Iterator[Mutant]:
    for module in MODULES:
        yield from python.mutants(root, f"pyjobs/{module}.py")


LANGUAGES: dict[str, Callable[[Path], Iterator[Mutant]]] = {"lua": of_lua, "python": of_python}


def lua_tests(files: Sequence[str]) -> Sequence[str]:
    """The arguments of pytest for mutants of scripts: these files, or all tests of scripts."""
    return (*(files or ["tests/lua"]), "-k", "redis-8.2-sync", *SHORT)


def python_tests(mutant: Mutant, files: Sequence[str]) -> Sequence[Sequence[str]]:
    """The arguments of each run of pytest for a mutant of a module, up to the first that fails:
    these files, or the tests of the module and then those of its folder."""
    if files:
        return [(*files, *_where(mutant), *SHORT)]
    module = mutant.path.removeprefix("pyjobs/").removesuffix(".py")
    folder = Path("tests", *module.split("/")[:-1][:1])
    own = [os.path.normpath(folder / f"{name}.py") for name in MODULES[module]]
    wider = [f"tests/{name}" for name in WIDER[folder.name if "/" in module else ""]]
    return [(*those, *_where(mutant), *SHORT) for those in (own, wider)]


def _where(mutant: Mutant) -> Sequence[str]:
    return IN_MEMORY if mutant.path.startswith("pyjobs/client/") else ON_A_SERVER
