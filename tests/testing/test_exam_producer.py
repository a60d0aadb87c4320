"""Producers in other languages pass their examination, and a producer with a flaw does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.foreign import CLIENTS, PRODUCERS, needs
from support.servers import FOUND

from pyjobs.testing import compliance
from pyjobs.testing.exam import Scene, examine
from pyjobs.testing.exam_producer import (
    ProducerOutageRules,
    ProducerScene,
    SubmitRules,
    examine_producer,
)


@pytest.mark.long
@pytest.mark.parametrize(
    ("language", "server"), [*zip(PRODUCERS, ["valkey-9.1", "redis-6.2"], strict=True)]
)
def test_a_producer_in_this_language_keeps_each_rule(language: str, server: str) -> None:
    needs(language, server)
    found = FOUND[server]
    rulings = list(examine_producer(PRODUCERS[language], patience=20.0, binary=found))
    assert {ruling.scene for ruling in rulings} == {"producer", "outage"}
    assert [ruling for ruling in rulings if ruling.problem] == []


FLAWS = [
    ("no sweep", "|| now() - this.#looked < this.#pause", "|| true", SubmitRules, "missed"),
    ("no encoding", "${encodeURIComponent(value)}", "${value}", SubmitRules, "unique"),
    ("no registry", "await enter()\n    this.#timers", "this.#timers", SubmitRules, "registry"),
    ("only ends as done", "'done', 'failed', 'dead',", "'done',", SubmitRules, "dead"),
    ("a conflict that is no error", "=== 'CONFLICT'", "=== 'NEVER'", SubmitRules, "conflict"),
    ("scripts that are not loaded", "'NOSCRIPT'", "'NEVER'", ProducerOutageRules, "flushed"),
]


def only(scene: type[ProducerScene], *rules: str) -> type[Scene]:
    """A scene with these of its rules."""
    return type(scene.__name__, (scene,), {rule: vars(scene)[rule] for rule in rules})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flaw", "right", "wrong", "scene", "rule"),
    [FLAWS[0], *(pytest.param(*flaw, marks=pytest.mark.long) for flaw in FLAWS[1:])],
)
def test_a_producer_with_this_flaw_breaks_the_rule(
    flaw: str, right: str, wrong: str, scene: type[ProducerScene], rule: str, tmp_path: Path
) -> None:
    needs("node")
    text = (CLIENTS / "pyjobs.mjs").read_text()
    assert text.count(right) == 1, flaw
    producer = tmp_path / "producer.mjs"
    producer.write_text(text.replace(right, wrong))
    first = ["rule_submit"] if rule == "registry" else ["rule_submit", "rule_result"]
    rules = only(scene, *(first if scene is SubmitRules else [f"rule_{rule}"]), f"rule_{rule}")
    *before, ruling = examine([rules], f"node {producer} submit exam", None, 6.0)
    assert [one for one in before if one.problem] == []
    assert ruling.problem
    assert "the program ended" not in ruling.problem


def test_the_command_examines_a_producer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs("perl")
    scene = only(SubmitRules, "rule_submit")
    monkeypatch.setattr("pyjobs.testing.exam_producer.PRODUCER", (scene,))
    assert compliance.main(["--producer", PRODUCERS["perl"]]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "producer  passed  A job is stored with its id and its data as JSON.",
        "no rules broken",
    ]
