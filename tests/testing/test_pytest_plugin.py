"""The fixtures `jobs` and `pyjobs_url` in a project of somebody else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from support.servers import PREFERRED

pytest_plugins = ("pytester",)
ROOT = Path(__file__).resolve().parent.parent.parent
# An editable install knows the entry points of its day.
FOUND = any(one.value == "pyjobs_pytest" for one in entry_points(group="pytest11"))


@pytest.fixture(autouse=True)
def _source(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin of the source tree, before a copy that an editable install has made."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def outcome(pytester: pytest.Pytester, text: str, *words: str) -> pytest.RunResult:
    """A file of tests, run in a process of its own."""
    pytester.makepyfile(text)
    plugin = () if FOUND else ("-p", "pyjobs_pytest")
    return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", *words)


def test_the_entry_point_names_the_plugin() -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert about["project"]["entry-points"]["pytest11"] == {"pyjobs": "pyjobs_pytest"}


def test_the_plugin_imports_nothing_of_pyjobs() -> None:
    code = "import pyjobs_pytest, sys; sys.exit(any(m.split('.')[0] in ('pyjobs', 'redis') " + (
        "for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_test_has_queues_and_a_clock_of_its_own(pytester: pytest.Pytester) -> None:
    done = outcome(
        pytester,
        """
        import os, time, pytest

        @pytest.mark.parametrize("turn", [1, 2])
        def test_one(jobs, pyjobs_url, turn):
            assert pyjobs_url == jobs.url == os.environ["PYJOBS_URL"]
            assert jobs.submitted() == []
            jobs.client.submit({"turn": turn})
            assert jobs.run_all(lambda job: job.data["turn"]) == [turn]
            jobs.client.submit(1)
            [queued] = jobs.run_all(lambda job: job.queued)
            assert abs(queued / 1000 - time.time()) < 60
            jobs.travel(3600)

        def test_what_a_handler_raises_is_raised(jobs):
            jobs.client.submit(1)
            with pytest.raises(ZeroDivisionError):
                jobs.run_all(lambda job: 1 / 0)
        """,
        "--strict-markers",
    )
    done.assert_outcomes(passed=3)


def test_a_mark_and_an_option_choose_a_real_server(pytester: pytest.Pytester) -> None:
    text = f"""
        import pytest

        @pytest.mark.pyjobs(server="memory")
        def test_memory(jobs):
            assert jobs.url.startswith("memory://")

        @pytest.mark.parametrize("turn", [1, 2])
        @pytest.mark.pyjobs(server="{PREFERRED}")
        def test_real(jobs, turn):
            assert jobs.url.startswith("redis://")
            assert jobs.submitted() == []
            jobs.client.submit(turn)

        def test_option(jobs):
            assert jobs.url.startswith("redis://")
        """
    done = outcome(pytester, text, "--strict-markers", "--pyjobs-server", PREFERRED)
    done.assert_outcomes(passed=4)


def test_a_server_that_is_not_here_is_named_with_those_that_are(pytester: pytest.Pytester) -> None:
    done = outcome(pytester, "def test_one(jobs): pass", "--pyjobs-server", "redis-1.0")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*there is no server redis-1.0 here; there are: memory*"])
