"""The commands dead, requeue and cancel."""

from __future__ import annotations

import io
import json

import pytest
from support.commands import Cli

from pyjobs import codec
from pyjobs.engine.limits import MAX_ITEMS
from pyjobs.engine.reliable import RELIABLE
from pyjobs.transport.send import run

pytest_plugins = ("support.command_fixtures",)

WORDS = "jobs:{words}"


def submitted(cli: Cli, *ids: str) -> None:
    run(cli.redis, RELIABLE.submit(WORDS, [(id, b"1") for id in ids]))


def killed(cli: Cli, *ids: str) -> None:
    error = codec.encode_error("ValueError", "no such word", "where it was")
    for at in range(0, len(ids), MAX_ITEMS):
        part = ids[at : at + MAX_ITEMS]
        submitted(cli, *part)
        claim = RELIABLE.claim([WORDS], nonce=part[0], limit=MAX_ITEMS, lease=9999)
        jobs = run(cli.redis, claim).jobs
        run(cli.redis, RELIABLE.fail(WORDS, [(job.id, job.token, "reject", error) for job in jobs]))


def test_dead_lists_the_dead_jobs_and_counts_them(cli: Cli) -> None:
    killed(cli, "a", "b")
    told = cli("dead", "words")
    assert told.code == 0
    assert "ValueError: no such word" in told.out
    assert told.out.index("a  ") < told.out.index("b  ")
    assert told.err == "pyjobs: 2 dead jobs on queue words\n"
    assert cli("dead", "words", "--skip", "1").err.endswith("2 dead jobs on queue words; 1 shown\n")


def test_dead_counts_one_job_in_the_singular_and_none_as_0(cli: Cli) -> None:
    killed(cli, "a")
    assert cli("dead", "words").err == "pyjobs: 1 dead job on queue words\n"
    cli("requeue", "words", "a")
    assert cli("dead", "words") == (0, "", "pyjobs: 0 dead jobs on queue words\n")


@pytest.mark.parametrize(
    ("words", "code"), [("dead {}", 1), ("requeue {} --all", 1), ("requeue {} a", 1),
                        ("cancel {} a", 1), ("result {} a", 1), ("reap {}", 1)],
)  # fmt: skip
def test_a_queue_that_never_existed_is_named_with_the_nearest(
    cli: Cli, words: str, code: int
) -> None:
    cli("submit", "orders", "1")
    told = cli(*words.format("odrers").split())
    line = "pyjobs: queue odrers: nothing was ever submitted to it; did you mean orders?"
    assert (told.code, told.err.splitlines().count(line)) == (code, 1)


@pytest.mark.parametrize("mode", ["recoverable", "reliable"])
@pytest.mark.parametrize("id", ["-foOfrk2u62Q.0", "-vh", "-v.1", "--foOfrk2u62Q.0", "-"])
def test_an_id_that_begins_like_an_option_is_an_id(cli: Cli, id: str, mode: str) -> None:
    assert cli("submit", "words", "1", "--id", id, "--mode", mode).out == f"{id}\n"
    assert cli("result", "words", id).code == 2
    assert cli("result", "words", id, "-v", "--wait", "0").code == 2
    assert cli("requeue", "words", "--prefix", "jobs", id).code == 0
    for command in ("show", "explain", "run-now"):
        assert cli(command, "words", id).code == 0
    assert cli("cancel", "words", id, "--url", cli.url) == (0, "cancelled 1 job\n", "")
    assert cli("cancel", "words", "--", id).code == 0
    assert cli("delete", "words", id, "--yes").code == 0


def test_a_misspelled_option_is_no_id(cli: Cli) -> None:
    assert "--wait" in cli("result", "words", "a", "--wiat", "1").err
    assert "--all" in cli("requeue", "words", "--al").err


def test_dead_with_json_prints_a_job_a_line(cli: Cli) -> None:
    killed(cli, "a", "b")
    (line,) = cli("dead", "words", "--json", "--skip", "1").out.splitlines()
    job = json.loads(line)
    assert (job["id"], job["reason"], job["error"]["traceback"]) == (
        "b",
        "rejected",
        "where it was",
    )


def test_requeue_makes_named_jobs_pending(cli: Cli) -> None:
    killed(cli, "a", "b")
    told = cli("requeue", "words", "a")
    assert (told.code, told.out) == (0, "requeued 1 job\n")
    assert cli.redis.lrange(f"{WORDS}:pending", 0, -1) == [b"a"]


def test_requeue_all_reports_the_job_whose_unique_key_is_held(cli: Cli) -> None:
    killed(cli, *[f"j{n}" for n in range(40)])
    cli.redis.hset(f"{WORDS}:job:j7", "unique", "key")
    run(cli.redis, RELIABLE.submit(WORDS, [("other", b"1")], unique="key"))
    told = cli("requeue", "words", "--all")
    assert (told.code, told.out) == (1, "requeued 39 of 40 jobs\n")
    assert told.err == "pyjobs: job j7 on queue words: another job holds its id or its unique key\n"
    assert cli.redis.llen(f"{WORDS}:pending") == 40


def test_requeue_all_ends_when_more_jobs_stay_dead_than_a_call_takes(cli: Cli) -> None:
    ids = [f"j{n}" for n in range(2100)]
    killed(cli, *ids)
    for id in ids:
        cli.redis.hset(f"{WORDS}:job:{id}", "unique", "key")
    told = cli("requeue", "words", "--all")
    assert (told.code, told.out) == (1, "requeued 1 of 2100 jobs\n")
    assert cli.redis.zcard(f"{WORDS}:dead") == 2099


def test_requeue_reports_jobs_that_are_not_dead(cli: Cli) -> None:
    submitted(cli, "a")
    cli.redis.hset(f"{WORDS}:job:a", "state", "done")
    told = cli("requeue", "words", "a", "none")
    assert (told.code, told.out) == (1, "requeued 0 of 2 jobs\n")
    assert told.err.splitlines() == [
        "pyjobs: job a on queue words: it is done",
        "pyjobs: job none on queue words: there is no such job",
    ]


def test_requeue_without_ids_is_refused_and_with_all_requeues_0(cli: Cli) -> None:
    told = cli("requeue", "words")
    assert (told.code, told.err) == (1, "pyjobs: ids: name the jobs, or say --all or a filter\n")
    submitted(cli, "a")
    assert cli("requeue", "words", "--all").out == "requeued 0 jobs\n"


def test_cancel_reports_how_many_jobs_were_cancelled_and_the_unknown_ones(cli: Cli) -> None:
    submitted(cli, "a", "b")
    told = cli("cancel", "words", "a", "none")
    assert (told.code, told.out) == (1, "cancelled 1 of 2 jobs\n")
    assert told.err == "pyjobs: job none on queue words: there is no such job\n"
    assert cli("result", "words", "a").err == ("pyjobs: job a on queue words was cancelled\n")


@pytest.mark.parametrize("mode", ["recoverable", "reliable"])
def test_cancel_knows_the_mode_of_the_queue(cli: Cli, mode: str) -> None:
    cli("submit", "words", "1", "--id", "a", "--mode", mode)
    cli.redis.hset("jobs:queues", "words", "simple")
    assert cli("cancel", "words", "a") == (0, "cancelled 1 job\n", "")


def test_cancel_on_a_simple_queue_says_that_there_is_no_such_verb(cli: Cli) -> None:
    cli("submit", "words", "1", "--mode", "simple")
    assert (
        cli("cancel", "words", "a").err
        == "pyjobs: cancel: a queue of simple mode does not have it\n"
    )


def test_cancel_without_ids_is_refused(cli: Cli) -> None:
    told = cli("cancel", "words")
    assert (told.code, told.err) == (1, "pyjobs: ids: name the jobs, or say --all or a filter\n")


def test_a_filter_is_counted_by_a_dry_run_and_holds_what_was_expected(cli: Cli) -> None:
    killed(cli, *[f"j{n}" for n in range(20)])
    told = cli("requeue", "words", "--error", "no such word", "--dry-run")
    assert told.out == "20 jobs of queue words would be requeued\n"
    assert told.err == "pyjobs: --expect 20 does it while there are about as many\n"
    assert cli.redis.zcard(f"{WORDS}:dead") == 20
    told = cli("requeue", "words", "--all", "--expect", "10")
    assert (told.code, told.err) == (
        1,
        "pyjobs: --expect: 10 jobs, and now there are 20; nothing was done\n",
    )
    told = cli("requeue", "words", "--error", "no such word", "--expect", "20")
    assert (told.code, told.out) == (0, "requeued 20 jobs\n")


def test_a_filter_asks_before_it_destroys_jobs(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(cli, "a", "b")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\ny\n"))
    told = cli("delete", "words", "--state", "pending")
    assert (told.code, "Forget 2 jobs of queue words?" in told.err) == (2, True)
    told = cli("cancel", "words", "--state", "pending")
    assert (told.code, told.out) == (0, "cancelled 2 jobs\n")
    told = cli("delete", "words", "--state", "cancelled", "--yes")
    assert (told.code, told.out) == (0, "deleted 2 jobs\n")


def test_a_filter_that_chooses_no_job_asks_nothing(cli: Cli) -> None:
    submitted(cli, "a")
    told = cli("cancel", "words", "--state", "delayed")
    assert (told.code, told.out, told.err) == (0, "cancelled 0 jobs\n", "")


def test_an_id_that_is_given_twice_is_one_job(cli: Cli) -> None:
    submitted(cli, "a")
    assert cli("cancel", "words", "a", "a").out == "cancelled 1 job\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("cancel words --all", "--state: say which jobs: pending, delayed, inflight"),
        ("delete words --task mail", "--state: say which jobs: pending, delayed, dead, done"),
        ("requeue words a --all", "ids: name the jobs or give a filter such as --all, not both"),
        ("requeue words a --dry-run", "ids: --dry-run and --expect are for a filter"),
        ("requeue words --state failed", "--state: requeue takes jobs that are dead, not failed"),
        ("run-now words --older -1", "--older: must be a number of seconds, 0 or more"),
    ],
)
def test_a_filter_that_says_too_little_or_too_much_is_refused(
    cli: Cli, words: str, why: str
) -> None:
    submitted(cli, "a")
    told = cli(*words.split())
    assert (told.code, told.err.startswith(f"pyjobs: {why}")) == (1, True)


def test_jobs_are_moved_by_id_and_by_a_filter(cli: Cli) -> None:
    submitted(cli, "a", "b", "c")
    told = cli("move", "words", "other", "a", "none")
    assert (told.code, told.out) == (1, "moved 1 of 2 jobs to queue other\n")
    assert told.err == "pyjobs: job none on queue words: there is no such job\n"
    told = cli("move", "words", "other", "--all", "--dry-run")
    assert told.out == "2 jobs of queue words would be moved to queue other\n"
    assert cli("move", "words", "other", "--all").out == "moved 2 jobs to queue other\n"
    assert cli.redis.llen("jobs:{other}:pending") == 3
    told = cli("result", "words", "a")
    assert told.err == "pyjobs: job a on queue words was moved to queue other\n"


def test_a_job_is_moved_to_a_queue_in_parts_once_its_split_is_settled(cli: Cli) -> None:
    submitted(cli, "a", "b")
    assert cli("parts", "other", "2", "--mode", "reliable").code == 0
    assert cli("move", "words", "other", "a").out == "moved 1 job to queue other\n"
    assert cli("parts", "other", "3").code == 0
    told = cli("move", "words", "other", "b")
    assert (told.code, told.out) == (1, "")
    assert told.err == "pyjobs: queue other was split, and the split is not settled\n"
    assert cli.redis.llen("jobs:{words}:pending") == 2  # with the trace of a


def test_jobs_that_are_done_are_listed_and_deleted_by_their_state(cli: Cli) -> None:
    submitted(cli, "a")
    [job] = run(cli.redis, RELIABLE.claim([WORDS], nonce="n", limit=1, lease=9999)).jobs
    run(cli.redis, RELIABLE.complete(WORDS, [("a", job.token, b"1")]))
    told = cli("jobs", "words", "--state", "done", "--json")
    assert json.loads(told.out)["id"] == "a"
    assert told.err == "pyjobs: 1 done job on queue words; 1 looked at\n"
    assert cli("delete", "words", "--state", "done", "--yes").out == "deleted 1 job\n"
