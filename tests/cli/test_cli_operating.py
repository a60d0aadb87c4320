"""The commands of operators: status, jobs, show, explain, failures, pause, resume, purge, delete,
run-now, check and doctor."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import sys
import urllib.request

import pytest
from support.commands import SECONDS, Cli
from support.running import wait_until

from pyjobs import Worker, codec, task
from pyjobs.admin import Admin
from pyjobs.engine import RELIABLE, announce
from pyjobs.testing import running
from pyjobs.transport import run

pytest_plugins = ("support.command_fixtures",)

WORDS = "jobs:{words}"


@pytest.fixture
def queue(cli: Cli) -> Cli:
    """A queue with a dead job, one in flight, three that wait and one that is delayed."""
    cli.redis.hset("jobs:queues", "words", "reliable")
    run(cli.redis, RELIABLE.submit(WORDS, [(id, b'"data"') for id in ("dead", "held")]))
    dead, _ = run(cli.redis, RELIABLE.claim([WORDS], nonce="n", limit=2, lease=60_000)).jobs
    error = codec.encode_error("ValueError", "no such word", "where it was")
    run(cli.redis, RELIABLE.fail(WORDS, [(dead.id, dead.token, "reject", error)]))
    run(cli.redis, RELIABLE.submit(WORDS, [(id, b'"data"') for id in "abc"]))
    run(cli.redis, RELIABLE.submit(WORDS, [("later", b"1")], delay=3_600_000))
    return cli


def test_status_counts_what_each_queue_holds(queue: Cli) -> None:
    said = queue("status")
    row = said.out.splitlines()[1]
    assert row.split()[:3] == ["words", "reliable", "3"]
    numbers = json.loads(queue("status", "--json").out)
    assert [numbers[name] for name in ("pending", "delayed", "inflight", "dead")] == [3, 1, 1, 1]


def test_status_of_a_named_queue_shows_it_alone_and_refuses_one_that_is_not_there(
    queue: Cli,
) -> None:
    queue.redis.hset("jobs:queues", "other", "reliable")
    assert "other" in queue("status").out
    named = queue("status", "words")
    assert (named.code, "words" in named.out, "other" in named.out) == (0, True, False)
    wrong = queue("status", "word")
    assert (wrong.code, "words" in wrong.err) == (1, True)


def test_a_part_as_the_name_of_a_queue_is_refused_with_the_queue(cli: Cli) -> None:
    said = cli("jobs", "words/1")
    assert said.code == 1
    assert said.err == (
        "pyjobs: queue: words/1 would be a part of queue words: name the queue, and "
        "`pyjobs parts words` shows its parts\n"
    )


def test_jobs_says_how_many_of_the_list_have_ended(queue: Cli) -> None:
    queue("cancel", "words", json.loads(queue("jobs", "words", "--json").out.splitlines()[0])["id"])
    said = queue("jobs", "words").err
    assert "1 of these ended before a run, and leave the list when a claim meets them" in said


def test_status_without_a_queue_says_so(cli: Cli) -> None:
    assert cli("status") == (0, "", "pyjobs: no queue is registered in jobs:queues\n")


def test_status_shows_the_mode_of_a_registered_queue_that_was_never_used(cli: Cli) -> None:
    cli.redis.hset("jobs:queues", "new", "reliable")
    row = cli("status").out.splitlines()[1]
    assert row.split()[:2] == ["new", "reliable"]
    assert row.endswith("nothing was ever submitted")


def test_a_dead_job_has_the_number_of_its_last_attempt_everywhere(queue: Cli) -> None:
    listed = json.loads(queue("jobs", "words", "--state", "dead", "--json").out)["attempt"]
    shown = json.loads(queue("show", "words", "dead", "--json").out)["attempt"]
    dead = json.loads(queue("dead", "words", "--json").out)["failures"]
    assert (listed, shown, dead) == (1, 1, 1)


@pytest.mark.parametrize("words", ["status --watch 0", "health 1 --timeout 0", "top --every 0"])
def test_a_time_of_0_that_means_nothing_is_refused(cli: Cli, words: str) -> None:
    said = cli(*words.split())
    option = words.partition("--")[2].partition(" ")[0]
    assert said.code == 1
    assert said.err.startswith(f"pyjobs: --{option}: must be a number of seconds, 0.001 or more")


def test_jobs_lists_a_page_and_says_how_to_go_on(queue: Cli) -> None:
    said = queue("jobs", "words", "--limit", "2", "--json")
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == ["a", "b"]
    cursor = said.err.split()[-1]
    said = queue("jobs", "words", "--cursor", cursor, "--json")
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == ["c"]
    said = queue("jobs", "words", "--state", "dead", "--json")
    assert "no such word" in json.loads(said.out)["error"]["message"]
    said = queue("jobs", "words", "--state", "dead", "--error", "other")
    assert said == (0, "", "pyjobs: 0 of 1 dead job on queue words; 1 looked at\n")


def test_jobs_shows_the_state_and_the_reason_of_dead_jobs_in_columns_of_their_own(
    queue: Cli,
) -> None:
    head, row = queue("jobs", "words", "--state", "dead").out.splitlines()
    assert head.split()[:3] == ["id", "state", "reason"]
    assert row.split()[:3] == ["dead", "dead", "rejected"]
    assert "reason" not in queue("jobs", "words").out


def test_show_prints_a_job_and_why_it_is_not_running(queue: Cli) -> None:
    said = queue("show", "words", "dead")
    assert "ValueError: no such word" in said.out
    assert "its handler rejected it" in said.out
    assert json.loads(queue("show", "words", "a", "--json").out)["code"] == "next"
    said = queue("show", "words", "none")
    assert said == (1, "", "pyjobs: job none: there is no such job, or not any more\n")


def test_explain_says_a_word_and_a_sentence(queue: Cli) -> None:
    assert queue("explain", "words", "b").out.startswith("pending: 1 job stands before it, of 3")
    assert json.loads(queue("explain", "words", "held", "--json").out)["code"] == "running"
    assert queue("explain", "words", "none").code == 1


NO_WORKER = "; no worker of the queue has announced itself"
UNKNOWN = "; no worker of the queue that has announced itself knows task mail.send"


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ([], NO_WORKER),
        ([{"tasks": ["mail.read"], "task_count": 1}], UNKNOWN),
        (
            [{"tasks": ["mail.read"], "task_count": 1}, {"tasks": ["mail.send"], "task_count": 1}],
            "",
        ),
        ([{"tasks": ["mail.read"], "task_count": 12}], ""),
        ([{"tasks": [], "task_count": 0}], ""),
        ([{}], ""),
    ],
    ids=["none", "others", "one does", "some names only", "a handler", "says nothing"],
)
def test_explain_and_show_say_when_no_worker_knows_the_task_of_a_job(
    cli: Cli, workers: list[dict[str, object]], said: str
) -> None:
    cli.redis.hset("jobs:queues", "words", "reliable")
    run(cli.redis, RELIABLE.submit(WORDS, [("a", b"{}")], task="mail.send"))
    for place, one in enumerate(workers):
        about = json.dumps(one).encode()
        run(cli.redis, announce(WORDS, f"w{place}", keep=60_000, about=about))
    sentence = f"it is the next to be claimed; no idle worker has taken the wake token{said}"
    assert cli("explain", "words", "a").out == f"next: {sentence}\n"
    assert json.loads(cli("show", "words", "a", "--json").out)["sentence"] == sentence


def test_a_worker_announces_how_many_tasks_it_knows(cli: Cli) -> None:
    cli.redis.hset("jobs:queues", "words", "reliable")
    tasks = [task(name=f"t{n}")(lambda: None) for n in range(12)]
    run(cli.redis, RELIABLE.submit(WORDS, [("a", b"{}")], task="t11", delay=3_600_000))
    with running(Worker(cli.url, queues=["words"], tasks=tasks)), Admin(cli.url) as admin:
        [worker] = wait_until(lambda: admin.workers("words").workers)
    assert (worker.task_count, len(worker.tasks)) == (12, 10)


def test_a_queue_that_never_was_is_said_with_the_nearest_name(queue: Cli) -> None:
    said = queue("jobs", "wrods")
    assert said.code == 1
    assert "queue wrods: nothing was ever submitted to it; did you mean words?" in said.err


def test_failures_are_counted_by_their_error(queue: Cli) -> None:
    assert queue("failures", "words").out.splitlines()[1].startswith("1     ValueError")
    assert json.loads(queue("failures", "words", "--json").out)["jobs"] == 1


def test_a_queue_is_paused_and_resumed(queue: Cli) -> None:
    assert queue("pause", "words", "--for", "90").out == "queue words is paused for 1.5 min\n"
    assert queue("pause", "words").out.endswith("is paused until `pyjobs resume words`\n")
    assert " paused" in queue("status").out
    said = queue("pause", "words", "--for", "0")
    assert said.err == "pyjobs: --for: must be a number of seconds, 0.001 or more, not 0.0\n"
    assert queue("resume", "words").out == "queue words is resumed, and jobs are pending\n"


def test_purge_and_delete_ask_before_they_forget_jobs(
    queue: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n" * 2))
    assert queue("purge", "words").code == 2
    said = queue("delete", "words", "a")
    assert (said.code, said.err.endswith("pyjobs: nothing was done\n")) == (2, True)
    said = queue("delete", "words", "a")
    assert (said.code, said.err.splitlines()[-1]) == (
        2,
        "pyjobs: nobody answers, so nothing was done; --yes answers",
    )
    assert queue("delete", "words", "a", "held", "--yes").code == 1
    assert queue("purge", "words", "--yes").out == "purged 3 pending jobs\n"
    assert queue("purge", "words", "--state", "dead", "--yes").out == "purged 1 dead job\n"


def test_run_now_moves_a_delayed_job_to_the_head_of_the_queue(queue: Cli) -> None:
    assert queue("run-now", "words", "later").code == 0
    assert queue("explain", "words", "later").out.startswith("next: ")


def test_run_now_with_a_delay_changes_when_a_job_is_due(queue: Cli) -> None:
    said = queue("run-now", "words", "later", "--delay", "5000")
    assert (said.code, said.out) == (0, "delayed 1 job\n")
    assert queue("run-now", "words", "--all", "--delay", "5").err == (
        "pyjobs: ids: --delay is for jobs that are named\n"
    )


def test_check_finds_what_is_wrong_and_exits_with_1(queue: Cli) -> None:
    assert queue("check", "words") == (0, "queue words: 6 jobs, and each in its place\n", "")
    queue.redis.zadd(f"{WORDS}:inflight", {"none": 1})
    said = queue("check", "words", "--json")
    found = {"place": "inflight", "id": "none", "finding": "missing", "state": ""}
    assert (said.code, json.loads(said.out)) == (1, found)
    said = queue("check", "words", "--repair", "--json")
    assert (said.code, json.loads(said.out)) == (0, {**found, "repair": "mended"})
    assert queue("check", "words").code == 0


def test_doctor_says_what_is_wrong_why_it_matters_and_what_mends_it(queue: Cli) -> None:
    queue.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        said = queue("doctor", "words")
        found = [json.loads(line) for line in queue("doctor", "--json").out.splitlines()]
    finally:
        queue.redis.config_set("maxmemory-policy", "noeviction")
    assert said.code == 1
    assert " CONFIG SET maxmemory-policy noeviction" in said.out
    assert "warning: queue words: 1 job is dead" in said.out
    assert {"eviction", "persistence", "dead"} <= {one["code"] for one in found}
    assert found[0].keys() == {"level", "code", "where", "wrong", "why", "mend"}


def test_doctor_exits_with_2_for_warnings_and_with_1_when_redis_is_away(cli: Cli) -> None:
    cli.redis.config_set("appendonly", "yes")
    try:
        assert cli("doctor").code == 2  # no maxmemory
        cli.redis.config_set("maxmemory", "100mb")
        assert cli("doctor").code == 0
    finally:
        cli.redis.config_set("appendonly", "no")
        cli.redis.config_set("maxmemory", "0")
    assert cli("doctor", "--url", "redis://127.0.0.1:1").code == 1


def test_a_limit_is_set_shown_and_taken_away(queue: Cli) -> None:
    said = queue("limit", "words", "--pending", "4", "--json")
    assert json.loads(said.out) == {"pending": 4, "bytes": 1_048_576, "dead": 10_000}
    full = queue("submit", "words", "1", "--id", "more")
    assert (full.code, "queue words holds 4 jobs" in full.err) == (1, True)
    assert queue("limit", "words", "--off").out.split()[-3:] == ["-", "1048576", "10000"]
    assert queue("submit", "words", "1", "--id", "more").code == 0
    assert queue("limit", "words", "--off", "--dead", "1").code == 1
    said = queue("limit", "words", "--dead", "-1")
    assert (said.code, "0 or more, not '-1'" in said.err) == (1, True)


def test_a_queue_is_split_and_the_split_is_settled(queue: Cli) -> None:
    assert queue("parts", "words").out == "queue words is not split\n"
    said = queue("parts", "words", "3")
    assert "queue words has 3 parts: words, words/1, words/2; not settled" in said.out
    assert (said.code, said.err) == (0, "")
    left = queue("parts", "words", "--settle")
    assert (left.code, "queue words is not settled: job " in left.out) == (1, True)
    for place in ("pending", "delayed", "dead"):
        assert queue("purge", "words", "--state", place, "--yes").code == 0
    queue("cancel", "words", "held")
    queue("delete", "words", "held", "--yes")
    assert (
        queue("parts", "words", "--settle").out
        == "queue words has 3 parts: words, words/1, words/2\n"
    )
    assert "fewer than 3" in queue("parts", "words", "2").err
    assert "durable: 'x' is not" in queue("parts", "words", "3", "--durable", "x").err
    assert "nothing was ever submitted" in queue("parts", "wrods").err
    assert "nothing was ever submitted" in queue("parts", "wrods", "3").err
    assert queue("parts", "new", "3", "--mode", "simple").code == 0
    assert queue("parts", "words", "3", "--settle").code == 1
    for id in "xyz":
        assert queue("submit", "words", "1", "--id", id).code == 0
    assert queue("status", "--json").out.count('"pending": 3') == 1


def test_the_mode_of_a_queue_is_changed_when_it_is_empty(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a", "--mode", "reliable")
    said = cli("mode", "words", "recoverable")
    assert (said.code, "until it is empty: jobs: 1" in said.err) == (1, True)
    cli("purge", "words", "--yes")
    assert cli("mode", "words", "recoverable").out == (
        "queue words is recoverable, and was reliable\n"
    )
    assert cli.redis.hget("jobs:queues", "words") == b"recoverable"


def test_monitor_prints_the_metrics_of_all_queues_once(queue: Cli) -> None:
    code, out, err = queue("monitor", "--once")
    assert (code, err) == (0, "")
    assert 'pyjobs_queue_jobs{place="pending",queue="words"} 3.0\n' in out
    assert out.endswith("\n") and not out.endswith("\n\n")


def test_monitor_answers_until_a_signal(queue: Cli) -> None:
    monitor = queue.start("monitor", "--port", "0")
    assert monitor.stderr is not None
    found = re.search(r"answers at (http://127.0.0.1:\d+/metrics)", monitor.stderr.readline())
    assert found
    for _ in range(2):
        with urllib.request.urlopen(found[1], timeout=SECONDS) as answer:
            assert b'pyjobs_queue_wanted_slots{queue="words"} 4.0\n' in answer.read()
    monitor.send_signal(signal.SIGTERM)
    assert monitor.wait(SECONDS) == 0


def test_monitor_without_its_extra_says_what_to_install(
    queue: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    said = queue("monitor", "--once")
    assert said == (
        1,
        "",
        "pyjobs: metrics need the extra 'metrics': pip install 'pyjobs[metrics]'\n",
    )


def test_monitor_at_a_port_in_use_or_at_no_address_is_refused(queue: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = queue.process("monitor", "--port", str(taken.getsockname()[1]))
    assert said.code == 1 and "port: can't listen on" in said.err
    assert "port: 'x' is not [HOST:]PORT" in queue.process("monitor", "--port", "x").err


def test_workers_lists_what_each_worker_runs(queue: Cli) -> None:
    about = {
        "host": "web-1", "pid": 7, "version": "1.0", "mode": "reliable", "queues": ["words"],
        "tasks": [], "slots": 10, "held": 4, "running": 3, "up": 7_200_000, "lag": 20,
        "jobs": [{"queue": "words", "id": "j", "task": "mail.send", "ran": 61_000}],
    }  # fmt: skip
    words = json.dumps(about).encode()
    run(queue.redis, announce(WORDS, "web-1:7:x", keep=60_000, about=words))
    run(queue.redis, announce(WORDS, "sh-1", keep=60_000, about=b"\x1b[31m"))
    code, out, err = queue("workers", "words")
    assert (code, err) == (0, "")
    head, shell, web = out.splitlines()
    assert " ".join(head.split()) == "worker queues mode slots runs for lag up seen version"
    assert shell.split()[:4] == ["sh-1", "?", "?", "0/0"]
    assert web.split()[:7] == ["web-1:7:x", "words", "reliable", "3/10", "mail.send", "+2", "1.02"]
    assert "1.02 min" in web and "2 h" in web
    last = json.loads(queue("workers", "--json").out.splitlines()[-1])
    assert (last["worker"], last["jobs"][0]["task"]) == ("web-1:7:x", "mail.send")


def test_workers_of_a_queue_without_any_and_of_none_are_said(queue: Cli) -> None:
    assert queue("workers") == (0, "", "pyjobs: no worker has announced itself\n")
    said = queue("workers", "word")
    assert said.code == 1 and "did you mean words?" in said.err
    queue.redis.set(f"{WORDS}:workers", "x", px=60_000)
    said = queue("workers")
    assert said.code == 1 and "queue words: Operation against a key" in said.err
