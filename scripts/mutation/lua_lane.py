"""Mutants of Lua sources: pytest collects the tests once, and a fork of it tries each mutant."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lua_build.compose import Composer, strip

from mutation.mutant import Mutant
from mutation.subjects import lua_tests
from mutation.trial import QUIET, TEST_SECONDS, FirstFailure, Verdict, forked

PREPARE_SECONDS = 900


@dataclass(frozen=True)
class Tests:
    """What a run of the tests without any change has shown, by the id of a test.

    Attributes:
        seconds: how long each took.
        scripts: the scripts whose bodies it read. A mutant of another script is no matter of it.
    """

    seconds: dict[str, float]
    scripts: dict[str, list[str]]


class Lane:
    """A plugin of pytest: it does `work` with the tests in place of running them."""

    def __init__(self, work: Callable[[Sequence[pytest.Item]], None]) -> None:
        self._work = work

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._work(session.items)
        return True


def collected(files: Sequence[str], work: Callable[[Sequence[pytest.Item]], None]) -> None:
    """Collect the tests of these files, or all tests of scripts, and do `work` with them.

    Raises:
        RuntimeError: the tests can't be collected.
    """
    words = [*QUIET, f"--timeout={TEST_SECONDS}", *lua_tests(files)]
    status = pytest.main(words, plugins=[Lane(work)])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"pytest ended with {status!r}")


def prepare(files: Sequence[str]) -> Tests:
    """Run the tests without any change.

    Raises:
        RuntimeError: a test fails.
    """

    def work() -> str:
        answers: list[str] = []
        try:
            collected(files, lambda items: answers.append(measured(items)))
        except RuntimeError:
            # The answer names the test that failed.
            if not answers:
                raise
        return answers[0]

    answer, _ = forked(work, PREPARE_SECONDS)
    if not answer.startswith("{"):
        raise RuntimeError(answer)
    found = json.loads(answer)
    if found["failed"]:
        raise RuntimeError(f"{found['failed']} fails without any change")
    return Tests(found["seconds"], found["scripts"])


def run(
    root: Path,
    files: Sequence[str],
    tests: Tests,
    mutants: Iterable[Mutant],
    report: Callable[[Mutant, Verdict], None],
) -> None:
    """Try the mutants, and report each verdict."""
    killers: dict[str, Counter[str]] = defaultdict(Counter)

    def work(items: Sequence[pytest.Item]) -> None:
        by_id = {item.nodeid: item for item in items}
        for mutant in mutants:
            bodies = changed(root, mutant)
            known, about = killers[mutant.path], Path(mutant.path).stem
            able = [id for id, names in tests.scripts.items() if {*names} & bodies.keys()]
            # What is likely to fail comes first, and what takes long last.
            able.sort(key=lambda id: (-known[id], about not in id, tests.seconds[id]))

            def attempt(ids: list[str] = able, bodies: dict[str, str] = bodies) -> str:
                put(bodies)
                return first_failure([by_id[id] for id in ids])

            verdict = Verdict(*forked(attempt))
            known[verdict.by] += 1
            report(mutant, verdict)

    collected(files, work)


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
