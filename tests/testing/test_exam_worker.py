"""Workers in each language pass their examination, and a worker with a flaw does not."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import pytest
from support.foreign import CLIENTS, WORKERS, needs
from support.pages import ROOT
from support.servers import FOUND, WHEELS

from pyjobs.testing import compliance, find_redis_cli
from pyjobs.testing.exam import Ruling, Scene, examine
from pyjobs.testing.exam_worker import (
    KillRules,
    RunRules,
    StopRules,
    WorkerOutageRules,
    WorkerScene,
    examine_worker,
)

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def redis_cli_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = find_redis_cli()
    assert cli is not None
    monkeypatch.setenv("PATH", f"{Path(cli).parent}:{os.environ['PATH']}")


@pytest.mark.long
def test_a_worker_in_each_language_keeps_each_rule() -> None:
    """Side by side: an examination mostly waits."""
    servers = dict(zip(WORKERS, cycle(WHEELS), strict=False))
    for language, server in servers.items():
        needs(language, server)

    def examined(language: str) -> list[Ruling]:
        found = FOUND[servers[language]]
        return list(examine_worker(WORKERS[language], patience=PATIENCE, binary=found))

    with ThreadPoolExecutor(len(WORKERS)) as pool:
        rulings = dict(zip(WORKERS, pool.map(examined, WORKERS), strict=True))
    for language, found in rulings.items():
        assert {ruling.scene for ruling in found} == {"runs", "stop", "kill -9", "outage"}
        assert [ruling for ruling in found if ruling.problem] == [], language


def only(scene: type[WorkerScene], *rules: str) -> type[Scene]:
    """A scene with these of its rules."""
    return type(scene.__name__, (scene,), {rule: vars(scene)[rule] for rule in rules})


FLAWS = [
    ("no heartbeat", "    heartbeat </dev/null &", "    sleep 100 &", RunRules, "heartbeat"),
    ("a job that is kept", """        hand_back '' && log""", "        log", StopRules, "long"),
    (
        "a handler alone",
        '    [ -z "$pid" ] || kill "$pid"\n',
        "",
        KillRules,
        "ends_with_its_worker",
    ),
]
MORE_FLAWS = [
    ("scripts that are not loaded", "*NOSCRIPT*)", "*NEVER*)", WorkerOutageRules, "flushed"),
    ("a loss that ends no run", '        kill "$pid" 2>/dev/null\n', "", RunRules, "lost"),
    ("all tasks known", '[[ $tasks != *" $task "* ]]', "false", RunRules, "unknown_task"),
    ("a cancel that ends no run", '        kill "$pid" 2>/dev/null\n', "", RunRules, "cancel"),
    ("no registry", "    ask HSET", "    true || ask HSET", RunRules, "registry"),
    ("a poll in place of a wait", '"${cli[@]}" BLPOP', "sleep 9 #", RunRules, "wake"),
    ("a fixed wait", "wait > 0 && wait < most ? wait : most", "9000", RunRules, "delayed"),
    ("no timeout", '"$(seconds "$2")" \\\n', "0 \\\n", RunRules, "timeout"),
    ("failures that count as results", '[ "$status" -ne 0 ]', "false", RunRules, "retry"),
    ("an error without a message", '"${message:-exit code $status}"', "oops", RunRules, "dead"),
    ("a result that is cut off", '"${command[@]}" <', "head -c 9 <", RunRules, "result"),
    ("data that are cut off", '>"$dir/data"', '| head -c 999 >"$dir/data"', RunRules, "large"),
    ("a refusal that is ignored", "if [ $? -eq 2 ]; then", "if false; then", RunRules, "too_large"),
    ("a signal that is ignored", "trap stop TERM INT", "trap '' TERM INT", StopRules, "idle"),
]
# Rules of a scene that come before one of its rules.
AFTER = {"ends_with_its_worker": "taken_over", "flushed": "flushed", "result": "result"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flaw", "right", "wrong", "scene", "rule"),
    [*FLAWS, *(pytest.param(*flaw, marks=pytest.mark.long) for flaw in MORE_FLAWS)],
)
def test_a_worker_with_this_flaw_breaks_the_rule(
    flaw: str, right: str, wrong: str, scene: type[WorkerScene], rule: str, tmp_path: Path
) -> None:
    text = (ROOT / "scripts" / "worker.sh").read_text()
    assert text.count(right) == 1, flaw
    shutil.copy(ROOT / "scripts" / "redis.sh", tmp_path)
    worker = tmp_path / "worker.sh"
    worker.write_text(text.replace(right, wrong))
    first = AFTER.get(rule, "result" if scene is RunRules else rule)
    rules = only(scene, f"rule_{first}", f"rule_{rule}")
    command = f"bash {worker} -l 1000 -g 1 exam {CLIENTS}/exam.sh"
    *before, ruling = examine([rules], command, None, 8.0)
    assert [one for one in before if one.problem] == []
    assert ruling.problem
    assert "the program ended" not in ruling.problem


# --- the command ---


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examinations have two rules."""
    scene = only(RunRules, "rule_result", "rule_registry")
    monkeypatch.setattr("pyjobs.testing.exam_worker.WORKER", (scene,))


@pytest.mark.usefixtures("short")
def test_the_command_prints_each_rule_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert compliance.main(["--worker", WORKERS["shell"]]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "about             rule",
        "runs      passed  A result is stored as JSON.",
        "runs      passed  The worker writes its queue into the registry.",
        "no rules broken",
    ]


@pytest.mark.usefixtures("short")
def test_the_command_prints_what_a_worker_that_ends_has_said_and_exits_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert compliance.main(["--worker", "sh -c 'echo no such queue >&2; exit 3'"]) == 1
    out = capsys.readouterr().out
    assert "runs      BROKEN  A result is stored as JSON." in out
    assert "the program ended with exit code 3: ...no such queue" in out
    assert out.endswith("2 rules broken\n")


@pytest.mark.parametrize("command", ["", "/nowhere/at-all"])
def test_the_command_refuses_a_worker_that_cannot_be_run(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        compliance.main(["--worker", command])
    assert "Traceback" not in capsys.readouterr().err


def test_the_command_without_a_url_and_a_worker_says_what_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        compliance.main([])
    assert "a URL is missing" in capsys.readouterr().err
