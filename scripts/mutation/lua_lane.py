"""Mutants of Lua sources: pytest collects the tests once, and a fork of it tries each mutant."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lua_build.compose import Composer, strip

from mutation.mutant import Mutant
from mutation.subjects import LUA_TESTS
from mutation.trial import QUIET, TEST_SECONDS, FirstFailure, Verdict, forked


class Lane:
    """A plugin of pytest: it runs mutants in place of the tests, and the tests for each mutant.

    A test is run for a mutant when it reads the body of a script that the source is part of.
    """

    def __init__(
        self, root: Path, mutants: Iterable[Mutant], report: Callable[[Mutant, Verdict], None]
    ) -> None:
        self._root, self._mutants, self._report = root, mutants, report
        self._killers: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        told = json.loads(forked(lambda: measured(session.items))[0])
        if told["failed"]:
            raise pytest.UsageError(f"a test fails without any change: {told['failed']}")
        for mutant in self._mutants:
            bodies = changed(self._root, mutant)
            known = self._killers[mutant.path]
            able = [id for id, names in told["scripts"].items() if {*names} & bodies.keys()]
            about = Path(mutant.path).stem
            able.sort(key=lambda id: (-known[id], about not in id, told["seconds"][id]))

            def work(ids: list[str] = able, bodies: dict[str, str] = bodies) -> str:
                put(bodies)
                return first_failure([items[id] for id in ids])

            verdict = Verdict(*forked(work))
            known[verdict.by] += 1
            self._report(mutant, verdict)
        return True


def run(root: Path, mutants: Iterable[Mutant], report: Callable[[Mutant, Verdict], None]) -> None:
    """Try the mutants, and report each verdict.

    Raises:
        RuntimeError: the tests can't be collected, or one fails without any change.
    """
    lane = Lane(root, mutants, report)
    status = pytest.main([*QUIET, f"--timeout={TEST_SECONDS}", *LUA_TESTS], plugins=[lane])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"pytest ended with {status!r}")


def first_failure(items: Sequence[pytest.Item]) -> str:
    """Run tests up to the first that fails; its name, or nothing."""
    first = FirstFailure()
    items[0].config.pluginmanager.register(first)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if first.by:
            break
    return first.by


def measured(items: Sequence[pytest.Item]) -> str:
    """Run all tests without a change; JSON: which failed, how long each took, what it read."""
    from pyjobs.engine.scripts import Script  # noqa: PLC0415

    seconds: dict[str, float] = defaultdict(float)
    read: dict[str, set[str]] = defaultdict(set)
    current = ""
    plain = object.__getattribute__

    def watched(script: Script, name: str) -> Any:
        if name in ("sha1", "body"):
            read[current].add(plain(script, "name"))
        return plain(script, name)

    class Times:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            seconds[report.nodeid] += report.duration

    Script.__getattribute__ = watched  # type: ignore[assignment]
    items[0].config.pluginmanager.register(Times())
    first = FirstFailure()
    items[0].config.pluginmanager.register(first)
    for item, following in zip(items, [*items[1:], None], strict=True):
        current = item.nodeid
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    scripts = {id: sorted(names) for id, names in read.items() if id}
    return json.dumps({"failed": first.by, "seconds": seconds, "scripts": scripts})


def changed(root: Path, mutant: Mutant) -> dict[str, str]:
    """The bodies of the scripts that a mutant changes, by the script's name."""
    lua, source = root / "lua", mutant.path.removeprefix("lua/")
    composer = Composer(lua, {source: mutant.text})
    paths = [path.relative_to(lua).as_posix() for path in lua.glob("*/*.lua")]
    composed = [composer.compose(path) for path in sorted(paths)]
    return {
        one.path.removesuffix(".lua"): strip(one.text)
        for one in composed
        if source in {one.path, *[region.path for region in one.regions]}
    }


def put(bodies: dict[str, str]) -> None:
    """Give the scripts of this process other bodies. Their manifest, which promises, stays."""
    from pyjobs.engine.scripts import everything  # noqa: PLC0415

    for script in everything():
        if body := bodies.get(script.name):
            sha1 = hashlib.sha1(body.encode()).hexdigest()
            for name, value in (("body", body), ("sha1", sha1)):
                object.__setattr__(script, name, value)
            script.about["sha1"] = sha1
