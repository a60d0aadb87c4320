"""The benchmark's command, in small: that it measures, and what its tables and files look like.

No figure is judged here: test_cost.py does that, by counts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from benchmark import report
from benchmark.calls import VERBS
from benchmark.case import Case
from benchmark.measure import Point, Sample
from benchmark.peers.known import PEERS
from benchmark.process import Client, Failed, System
from benchmark.report import shown
from benchmark.rounds import Measured
from benchmark.workloads import ASYNC, BARE, Row
from support.lanes import long

from pyjobs.testing import find_servers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
Done = subprocess.CompletedProcess[str]


def bench(*args: str | Path, path: str | None = None) -> Done:
    """Run it, by default with the PATH of the tests."""
    return subprocess.run(
        [sys.executable, "-m", "benchmark", *args],
        cwd=SCRIPTS,
        env={**os.environ, "PATH": path or os.environ["PATH"], "TERM": "dumb"},
        capture_output=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def number(text: str) -> float:
    return float(re.sub(r" ±\d+%$", "", text).replace(",", ""))


class Small(NamedTuple):
    """One small run: its workloads with how many figures each has, and what it wrote."""

    workloads: dict[str, int]
    done: Done
    markdown: str
    told: dict[str, Any]


@pytest.fixture(
    scope="module",
    params=[
        long({"roundtrip": 5}),
        long({"roundtrip": 5, "processes": 2, "executors": 1}),
    ],
    ids="-".join,
)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("bench")
    files = ("--markdown", folder / "table.md", "--json", folder / "all.json")
    done = bench(*request.param, "--quick", "--jobs", "200", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    [told] = json.loads((folder / "all.json").read_text())
    return Small(request.param, done, (folder / "table.md").read_text(), told)


def test_every_figure_was_measured_and_so_was_what_is_beside_it(small: Small) -> None:
    told = small.told
    assert Counter(figure["workload"] for figure in told["figures"]) == small.workloads
    for figure in told["figures"]:
        assert figure["median"] > 0, figure
        assert figure["beside_median"] > 0, figure
        assert figure["values"] == [figure["median"]]
    assert told["faults"] == []
    assert told["about"].keys() >= {"date", "machine", "server", "python", "packages", "runs"}


def test_the_markdown_is_a_headline_and_a_table_with_the_same_figures(small: Small) -> None:
    _, done, text, told = small
    headline, _, heading, marks, *rows = text.strip().splitlines()
    assert headline.startswith("Measured 2")
    assert told["about"]["machine"] in headline
    assert cells(heading)[:4] == ["figure", "pyjobs", "beside it", "ratio"]
    assert cells(marks)[:4] == ["---", "--:", "--:", "--:"]
    for row, figure in zip(rows, told["figures"], strict=True):
        label, own, beside, ratio, _ = cells(row)
        assert label == f"{figure['label']}, {figure['unit']}"
        factor = {"/s": 1, "ms": 1000}[figure["unit"]]
        assert number(own) == pytest.approx(figure["median"] * factor, rel=0.02, abs=0.5)
        assert number(beside) == pytest.approx(figure["beside_median"] * factor, rel=0.02, abs=0.5)
        assert number(ratio) == pytest.approx(
            figure["median"] / figure["beside_median"], rel=0.05, abs=0.01
        )
        assert figure["label"] in done.stdout


def test_the_scripts_are_measured_on_each_server_that_is_named(tmp_path: Path) -> None:
    names = [found.name for found in find_servers()][:2]
    file = tmp_path / "all.json"
    servers = [word for name in names for word in ("--server", name)]
    done = bench("scripts", "--quick", "--jobs", "400", *servers, "--json", file)
    assert done.returncode == 0, done.stderr
    told = json.loads(file.read_text())
    assert len(told) == len(names) == 2
    assert len({one["about"]["server"] for one in told}) == 2
    for one in told:
        figures = {(figure["label"], figure["about"]): figure for figure in one["figures"]}
        for (label, about), figure in figures.items():
            assert figure["median"] > 0, label
            assert figure["beside_median"] > 0, (label, about)
        # The floors do less, and what they do is counted.
        for batch in ("one at a time", "100 in a call"):
            calls = figures[f"inner calls of a job, {batch}", "floor A"]
            assert calls["beside_median"] < calls["median"]
    assert done.stdout.count("Measured 2") == 2


@pytest.mark.long
def test_what_a_task_adds_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    done = bench("tasks", "--quick", "--jobs", "400", "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    [told] = json.loads(file.read_text())
    assert told["faults"] == []
    script, _, drain, *_ = told["figures"]
    assert min(script["median"], script["beside_median"]) > 0
    assert min(drain["median"], drain["beside_median"]) > 0


@pytest.mark.long
def test_what_counting_adds_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    done = bench("counters", "--quick", "--jobs", "400", "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    [told] = json.loads(file.read_text())
    assert told["faults"] == []
    labels = [figure["label"] for figure in told["figures"]]
    assert labels[1:4] == [f"of which counting in {verb} is" for verb in VERBS]
    for figure in told["figures"]:
        if figure["label"].startswith("script time"):
            assert min(figure["median"], figure["beside_median"]) > 0


def test_a_peer_that_cannot_be_installed_is_reported_by_name(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    args = ("--peers", "--only", "bullmq_node", "--quick", "--jobs", "100", "--json", file)
    done = bench(*args, path="/nonexistent")
    assert done.returncode == 0, done.stderr
    assert re.search(r"BullMQ .* could not be installed: no n\w+ on PATH", done.stdout)
    assert "not here" in done.stdout
    [told] = json.loads(file.read_text())
    [line] = told["systems"]
    assert line["system"].startswith("BullMQ")
    assert line["missing"]
    assert line["figures"] == {}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nonsense",), "'nonsense' is not one of 'enqueue', 'drain'"),
        long(("--peers", "--only", "nobody"), "'nobody' is not one of 'pyjobs'"),
        (("--server", "redis-1.0"), "no server redis-1.0; found: "),
        long(("--runs", "0"), "0 is not in the range"),
    ],
)
def test_a_wrong_argument_is_refused_without_a_traceback(args: tuple[str, ...], words: str) -> None:
    done = bench(*args)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_figure_is_the_median_of_its_rounds_with_faults_as_notes() -> None:
    point, beside = (Point("life", system, Case()) for system in (ASYNC, BARE))
    measured = Measured()
    for rate in (100.0, 130.0, 110.0):
        measured.add(point, Sample({"drain": rate}, ("odd",)))
    measured.fail(beside, Failed("it ended"))
    row = Row("drain", "/s", point, "drain", beside, "drain", "the floor")
    grid = report.figures({"drain": [row]}, measured)
    assert grid.rows == [("drain, /s", "110 ±14%", "-", "-", "the floor")]
    assert grid.notes == ["drain: odd", "drain: it ended"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12345.6, "/s", "12,346"),
        (0.0004321, "ms", "0.43"),
        (0.0004321, "us", "432"),
        (0.00001234, "us", "12.3"),
        (0.0204, "", "0.020"),
        (7.288, "", "7.29"),
        (249.6, "bytes", "250"),
    ],
)
def test_figures_are_shown_in_the_unit_of_their_row(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_a_driver_that_dies_says_why() -> None:
    program = "import sys; sys.exit('no such module')"
    broken = System("broken", (sys.executable, "-c", program))
    with (
        pytest.raises(Failed, match=r"broken client ended \| no such module"),
        Client(broken, Case(), "redis://127.0.0.1:1"),
    ):
        pass


def test_every_peer_has_a_driver_and_its_versions() -> None:
    folder = SCRIPTS / "benchmark" / "peers"
    drivers = {file.stem for file in folder.iterdir() if file.suffix in {".py", ".mjs"}}
    assert drivers - {"__init__", "known", "install"} == {peer.key for peer in PEERS}
    for peer in PEERS:
        assert all(re.search(r"[=@]\d+\.\d+", package) for package in peer.packages), peer
