"""The files in docs/deploy/: they name metrics that are there, start commands that exist, and wait
for as long as a stop takes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parsed
from support.pages import ROOT
from support.running import wait_until

from pyjobs import ClaimedJob, Client, Worker
from pyjobs.admin import Exporter, Scraper
from pyjobs.cli.app import app
from pyjobs.httpserver import PathServer
from pyjobs.testing import running
from pyjobs.testing.jobs import end_memory, memory_url

DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
YAML = sorted([*DEPLOY.glob("*.yaml"), *DEPLOY.glob("*.yml")])
METRIC = re.compile(r"\b(?:pyjobs|process)_[a-z_]+\b")
GRACE = 25
AFTER_GRACE = 10
SECONDS = 60


def documents(name: str) -> list[Any]:
    return [*yaml.safe_load_all((DEPLOY / name).read_text())]


def expressions(value: Any, key: str = "expr") -> Iterator[str]:
    """Every text that stands under a key, however deep."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name == key and isinstance(one, str):
                yield one
            yield from expressions(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from expressions(one, key)


def fetch(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS) as answer:
        return bytes(answer.read())


def dashboard() -> Any:
    return json.loads((DEPLOY / "grafana.json").read_text())


@pytest.fixture(scope="module")
def scraped() -> set[str]:
    """The names of all samples of a worker that has run a job, and of the monitor."""
    url = memory_url()
    servers: list[PathServer] = []
    init = PathServer.__init__

    def remember(self: PathServer, *args: Any) -> None:
        init(self, *args)
        servers.append(self)

    scraper = Scraper(url)
    worker = Worker(url, queues=["q"], metrics=0)

    @worker.handler
    def handle(job: ClaimedJob) -> Any:
        return job.data

    with pytest.MonkeyPatch.context() as patch, Client(url, queue="q") as client:
        patch.setattr(PathServer, "__init__", remember)
        with running(worker):
            client.submit(1).result(timeout=30)
            # The totals of a monitor begin with the minute of its first look, and that may be over.
            monitor = Exporter(scraper)
            monitor.page("")
            client.submit(2).result(timeout=30)
            [server] = wait_until(lambda: servers)
            texts = wait_until(
                lambda: b"pyjobs_jobs_total{" in (body := fetch(server.port)) and [body]
            )
        texts.append(monitor.page("").body)
        scraper.close()
    end_memory(url)
    return {
        one.name for text in texts for family in parsed(text.decode()) for one in family.samples
    }


def test_every_metric_that_a_rule_or_the_dashboard_names_is_in_a_scrape(scraped: set[str]) -> None:
    used = [*expressions(documents("alerts.yml")), *expressions(dashboard())]
    used += expressions(documents("keda.yaml"), "query")
    used += expressions(dashboard(), "definition")
    assert len(used) > 30
    named = {name for one in used for name in METRIC.findall(one)}
    assert named - scraped == set()


def test_every_metric_of_the_tables_is_in_a_scrape_and_the_other_way_round(
    scraped: set[str],
) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| (`pyjobs_[^|]+) \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    there = {re.sub(r"_(bucket|sum|count|created)$", "", one) for one in scraped}
    there = {one for one in there if one.startswith("pyjobs_") and one != "pyjobs_jobs"}
    assert named == there


def test_series_of_the_tests_of_rules_are_metrics(scraped: set[str]) -> None:
    series = {METRIC.findall(one)[0] for one in expressions(documents("alerts.test.yml"), "series")}
    assert series <= scraped


def test_every_command_that_a_rule_says_to_look_with_exists() -> None:
    looks = [one for one in expressions(documents("alerts.yml"), "look") if "pyjobs " in one]
    names = {name for one in looks for name in re.findall(r"(?:^|; )pyjobs ([a-z-]+)", one)}
    assert len(names) > 5
    assert names <= {*app.list_commands(click.Context(app))}


def started() -> Iterator[tuple[str, list[str]]]:
    """The arguments of each `pyjobs` that a file starts, with the name of the file."""
    for unit in UNITS:
        [line] = re.findall(r"^ExecStart=\S+/pyjobs (.*)$", unit.read_text(), re.MULTILINE)
        yield unit.name, shlex.split(line.replace("%i", "1"))
    for service in documents("compose.yaml")[0]["services"].values():
        if "build" in service:
            yield "compose.yaml", service["command"]
            check = service.get("healthcheck")
            if check:
                yield "compose.yaml", check["test"][2:]
    for one in documents("kubernetes.yaml"):
        for container in pod_of(one)["containers"]:
            yield "kubernetes.yaml", container["args"]


def pod_of(one: Any) -> Any:
    spec = one["spec"]
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    return spec["template"]["spec"]


@pytest.mark.parametrize(("file", "words"), [*started()])
def test_a_command_that_a_file_starts_has_these_options(file: str, words: list[str]) -> None:
    name, *args = words
    command = app.get_command(click.Context(app), name)
    assert command is not None
    context = click.Context(command, info_name=name)
    command.make_parser(context).parse_args([*map(str, args)])


def test_every_stop_is_waited_for_longer_than_a_worker_takes() -> None:
    longest = GRACE + AFTER_GRACE
    unit = (DEPLOY / "pyjobs-worker@.service").read_text()
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    worker, *_ = documents("kubernetes.yaml")
    compose = documents("compose.yaml")[0]["services"]["worker"]["stop_grace_period"]
    waits = [int(seconds), pod_of(worker)["terminationGracePeriodSeconds"], int(compose[:-1])]
    assert all(one > longest for one in waits)
    assert Worker().settings.grace == GRACE


def test_probes_and_scrapes_ask_at_the_ports_that_are_listened_on() -> None:
    for one in documents("kubernetes.yaml")[:2]:
        [container] = pod_of(one)["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        listened = {int(word.rpartition(":")[2]) for word in container["args"] if ":" in word}
        assert {*ports.values()} == listened
        annotations = one["spec"]["template"]["metadata"]["annotations"]
        assert int(annotations["prometheus.io/port"]) == ports["metrics"]
        assert one["spec"]["selector"]["matchLabels"].items() <= (
            one["spec"]["template"]["metadata"]["labels"].items()
        )
        for probe in ("livenessProbe", "readinessProbe"):
            asked = container.get(probe, {})
            where = asked.get("httpGet", asked.get("tcpSocket", {"port": "metrics"}))
            assert where["port"] in ports
    scale = documents("keda.yaml")[0]
    deployments = [one["metadata"]["name"] for one in documents("kubernetes.yaml")]
    assert scale["spec"]["scaleTargetRef"]["name"] in deployments
    jobs = documents("prometheus.yml")[0]["scrape_configs"]
    services = documents("compose.yaml")[0]["services"]
    assert jobs[0]["static_configs"][0]["targets"] == ["monitor:9170"]
    assert "0.0.0.0:9170" in services["monitor"]["command"]
    assert f"0.0.0.0:{jobs[1]['dns_sd_configs'][0]['port']}" in services["worker"]["command"]


def test_panels_of_the_dashboard_do_not_overlap_and_have_names() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert panel["title"] and not cells & taken and place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len({*ids})


def lacking(what: str) -> NoReturn:
    """End a test whose program is not here: a failure in CI, where .ci/run installs it."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(what)


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        lacking("no promtool on this machine (Debian: prometheus)")
    return found


def judged(*words: str, folder: Path = DEPLOY) -> None:
    ended = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_promtool_takes_the_rules_their_tests_and_the_scrapes(promtool: str) -> None:
    judged(promtool, "check", "config", "prometheus.yml")
    judged(promtool, "test", "rules", "alerts.test.yml")


def test_promtool_takes_every_query_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    queries = [*expressions(dashboard())]
    plain = [
        re.sub(r"\$(queue|task)\b", ".*", one).replace("$__rate_interval", "5m") for one in queries
    ]
    assert not [one for one in plain if "$" in one]
    rules = [{"record": f"q{at}", "expr": one} for at, one in enumerate(plain)]
    (tmp_path / "queries.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]})
    )
    judged(promtool, "check", "rules", "queries.yml", folder=tmp_path)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        lacking("no systemd-analyze on this machine (Debian: systemd)")
    text = unit.read_text().replace("/opt/shop/.venv/bin/pyjobs", "/bin/true")
    (tmp_path / unit.name).write_text(text)
    ended = subprocess.run(
        ["systemd-analyze", "verify", f"./{unit.name}"], cwd=tmp_path, capture_output=True,
        text=True, timeout=SECONDS, check=False, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_page_names_every_file_of_its_folder() -> None:
    page = (DEPLOY / "README.md").read_text()
    named = {Path(one).name for one in re.findall(r"^\| `(docs/deploy/[^`]+)`", page, re.MULTILINE)}
    assert named == {path.name for path in DEPLOY.iterdir()} - {"README.md"}
