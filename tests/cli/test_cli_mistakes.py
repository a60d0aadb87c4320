"""What the command line answers to mistakes: one line, in one style, with what would be right."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import click
import pytest
from support.commands import Cli
from support.running import LONG

from pyjobs.admin import Admin
from pyjobs.cli import operating
from pyjobs.cli.app import LISTED, app
from pyjobs.cli.complaints import with_hint
from pyjobs.cli.work import complete_module
from pyjobs.client import Options
from pyjobs.errors import Unavailable

pytest_plugins = ("support.command_fixtures",)
SUBMIT = "pyjobs submit [OPTIONS] QUEUE [JSON]"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("submit", f"QUEUE is missing; usage: {SUBMIT}"),
        ("submit words 1 2", f"got unexpected extra argument (2); usage: {SUBMIT}"),
        ("sumbit words 1", "there is no command 'sumbit'; did you mean submit?"),
        ("worker words", "there is no command 'worker'; the word is work"),
        ("enqueue words 1", "there is no command 'enqueue'; the word is submit"),
        ("queues", "there is no command 'queues'; the word is status"),
        ("scripts list", "there is no command 'list'; `pyjobs scripts --help` lists them"),
        ("work", "MODULE[:WORKER] is missing; usage: pyjobs work [OPTIONS] MODULE[:WORKER]"),
        ("health", "[HOST:]PORT is missing; usage: pyjobs health [OPTIONS] [HOST:]PORT"),
        (
            "work words.worker",
            "no module 'words.worker' in the current directory or Python's path; a worker in a "
            "module is named by a colon: words:worker",
        ),
        ("xyzzy", "there is no command 'xyzzy'; `pyjobs --help` lists them"),
        ("scripts xyzzy", "there is no command 'xyzzy'; `pyjobs scripts --help` lists them"),
        ("help sumbit", "there is no command 'sumbit'; did you mean submit?"),
        ("submit words 1 --dealy 5", "there is no option --dealy; did you mean --delay?"),
        ("submit words 1 --xyzzy", "there is no option --xyzzy; `pyjobs submit --help` lists them"),
        ("submit words 1 --wait", "option '--wait' requires an argument"),
        ("submit words 1 --delay x", "--delay: must be a number of seconds, not 'x'"),
        ("submit words 1 --delay -1", "--delay: must be a number of seconds, 0 or more, not -1.0"),
        ("submit words 1 --wait -1", "--wait: must be a number of seconds, 0 or more, not -1.0"),
        ("submit words 1 --max-attempts x", "--max-attempts: must be a whole number, not 'x'"),
        (
            "submit words 1 --max-attempts 0",
            "--max-attempts: must be a whole number from 1 to 1000, not 0",
        ),
        ("submit words 1 --run-at 2030-01-01T00:00", "--run-at: '2030-01-01T00:00' has no time zo"),
        ("submit words 1 --traceparent x", "--traceparent: "),
        (
            "submit words 1 --mode relaible",
            "--mode: 'relaible' is not one of simple, recoverable, reliable; did you mean reliable",
        ),
        ("mode words", "MODE is missing: one of simple, recoverable, reliable"),
        ("mode words x", "MODE: 'x' is not one of simple, recoverable, reliable"),
        ("acl", "ROLE is missing: one of producer, worker, operator"),
        ("jobs words --limit x", "--limit: must be a whole number from 1 to 1000, not 'x'"),
        ("jobs words --limit 0", "--limit: must be a whole number from 1 to 1000, not '0'"),
        ("limit words --pending -1", "--pending: must be a whole number, 0 or more, not '-1'"),
        ("parts words 1", "NUMBER: must be a whole number from 2 to 32, not '1'"),
        ("counters words --minutes 0", "--minutes: must be a whole number from 1 to 4320, not '0'"),
        ("counters words --on --off", "--on and --off exclude each other"),
        ("outbox words --gone a --back a", "--gone and --back exclude each other, and both name a"),
        ("reap --max-crashes 0", "--max-crashes: must be a whole number from 1 to 1000, not '0'"),
        ("work words:w --processes 0", "--processes: must be a whole number from 1 to 1000, not "),
        ("work sub/words.py:w", "no module 'sub/words.py' in the current directory or Python's pa"),
        ("work ./words.py:w", "no module './words.py'; name the module, not its file: words:w"),
        ("monitor --statsd :x", "--statsd: ':x' is not HOST[:PORT], such as localhost:8125"),
        ("monitor --port x", "--port: 'x' is not [HOST:]PORT, such as 0.0.0.0:8081"),
        (
            "--url redis://localhost status",
            "there is no option --url before the command; an option goes behind it, as in `pyjobs "
            "status --url`",
        ),
        ("--json status", "there is no option --json before the command; an option goes behind it"),
        ("-v", "there is no option -v; `pyjobs --help` lists them"),
        ("--versoin", "there is no option --versoin; did you mean --version?"),
        ("work words --queues a", "there is no option --queues; a worker is made with its queues"),
        ("work words -c 4", "there is no option -c; the word is --concurrency"),
        ("work words --xyzzy", "there is no option --xyzzy; `pyjobs work --help` lists them"),
        (
            "work words --timeout 5",
            "there is no option --timeout; a worker is made with it: Worker(",
        ),
        (
            "acl producer --queue words",
            "there is no option --queue; QUEUE stands without an option: pyjobs acl [OPTIONS] {pro",
        ),
        ("acl --role producer", "there is no option --role; ROLE stands without an option: pyjobs"),
        ("acl producer --cluster", "there is no option --cluster; `pyjobs acl --help` lists them"),
        ("acl producer --name bob", "there is no option --name; the word is --user"),
        ("submit words --json 1", "there is no option --json; JSON stands without an option: pyjo"),
        ("submit words 1 --eta 5", "there is no option --eta; the word is --run-at"),
        ("submit words 1 --retries 5", "there is no option --retries; the word is --max-attempts"),
        ("submit words 1 --priority 5", "there is no option --priority; a worker serves its queue"),
        ("submit words 1 --host x", "there is no option --host; the word is --url"),
        ("submit words 1 --job-id a", "there is no option --job-id; the word is --id"),
        ("move words --to other", "there is no option --to; TO stands without an option: pyjobs m"),
        ("delete words --no-yes", "there is no option --no-yes; `pyjobs delete --help` lists them"),
        ("delete words --no-dry-run", "there is no option --no-dry-run; `pyjobs delete --help` li"),
        ("jobs words --dead", "there is no option --dead; did you mean --state dead?"),
        ("jobs words --all", "there is no option --all; `pyjobs jobs --help` lists them"),
        ("reap words --older 5", "there is no option --older; did you mean --older-than?"),
        ("check words --fix", "there is no option --fix; the word is --repair"),
        ("doctor --fix", "there is no option --fix; `pyjobs doctor --help` lists them"),
        ("top --watch 5", "there is no option --watch; the word is --every"),
        ("scripts --load", "there is no option --load; load is a command: `pyjobs scripts load`"),
        ("status --url localhost:6379", "url: does not begin with one of redis://"),
    ],
)
def test_a_mistake_is_one_line_that_names_it_and_what_would_be_right(
    cli: Cli, words: str, said: str
) -> None:
    told = cli(*words.split())
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"pyjobs: {said}"), told.err
    assert told.err.count("\n") == 1


def test_a_url_without_a_scheme_is_answered_with_what_is_missing(cli: Cli) -> None:
    told = cli("status", "--url", "localhost:6379")
    assert told.err.endswith("; redis:// is missing before the host\n")


def test_data_that_is_a_text_or_a_file_is_answered_with_the_way_to_give_it(cli: Cli) -> None:
    told = cli("submit", "words", "reverse me")
    assert (told.code, told.out) == (1, "")
    assert told.err.endswith("""; a text is written '"reverse me"'\n""")
    for word in (str(cli.folder / "data.json"), f"@{cli.folder}/data.json"):
        (cli.folder / "data.json").write_text("{}")
        told = cli("submit", "words", word)
        assert told.err.endswith(
            f"; `pyjobs submit QUEUE - < {cli.folder}/data.json` reads a file\n"
        )
    assert cli("submit", "words", "{'to': 1}").err.endswith("it begins with \"{'to': 1}\"\n")


def test_a_wrong_url_of_the_environment_is_answered_with_the_name_of_the_variable(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYJOBS_URL", "localhost:6379")
    told = cli("status")
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("pyjobs: PYJOBS_URL: url: does not begin with one of redis://")


def test_a_redis_that_is_not_there_is_answered_with_where_to_say_where_it_is(cli: Cli) -> None:
    told = cli("status", "--url", "redis://:secret@127.0.0.1:1")
    assert (told.code, told.out, "secret" in told.err) == (1, "", False)
    assert told.err.endswith(
        "Connection refused; is Redis running there? --url or PYJOBS_URL says where it is\n"
    )


def test_a_password_that_redis_does_not_want_is_answered_with_what_mends_it(
    cli: Cli,
) -> None:
    told = cli("status", "--url", cli.url.replace("redis://", "redis://:secret@"))
    assert told.err.endswith("; this Redis wants no password: leave it out of the URL\n")
    assert "secret" not in told.err
    told = cli("status", "--url", f"{cli.url}/999999")
    assert told.err.endswith("; the number behind the / is the database, from 0 on\n")


@pytest.mark.parametrize(
    ("scheme", "path", "hint"),
    [
        ("redis+sentinel", "/main", "what answers there is no sentinel; the URL of a Redis begins"),
        ("redis+cluster", "", "this Redis is no cluster; its URL begins with redis://"),
    ],
)
def test_a_single_redis_under_the_url_of_several_is_answered_with_what_mends_it(
    cli: Cli, scheme: str, path: str, hint: str
) -> None:
    told = cli("status", "--url", cli.url.replace("redis", scheme, 1) + path)
    assert (told.code, told.out) == (1, "")
    assert hint in told.err and "pyjobs acl" not in told.err


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("Error -2 connecting to nowhere:1. Name or service not known.", "no host of this name"),
        ("Error -3 connecting to nowhere:1. Temporary failure in name resolution.", "no host of"),
        ('Protocol error, got "H" as reply type byte', "what answers there is no Redis"),
        ("Error 111 connecting to [::1]:1. Connect call failed ('::1', 1).", "is Redis running"),
    ],
)
def test_an_error_of_a_connection_is_followed_by_what_would_mend_it(error: str, hint: str) -> None:
    assert with_hint(Unavailable(error)).startswith(f"{error.rstrip('.')}; {hint}")


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        (["on", ">x"], "; `pyjobs acl --help` says which rights a user needs\n"),
        (
            ["on", ">y", "~*", "+@all"],
            "; the URL names both, as redis://USER:PASSWORD@HOST, or the password alone, as redis://:PASSWORD@HOST\n",
        ),
    ],
)
def test_a_user_without_rights_or_with_a_wrong_password_is_answered_with_what_mends_it(
    cli: Cli, rights: list[str], said: str
) -> None:
    cli.redis.execute_command("ACL", "SETUSER", "poor", "reset", *rights)
    try:
        told = cli("status", "--url", cli.url.replace("redis://", "redis://poor:x@"))
    finally:
        cli.redis.execute_command("ACL", "DELUSER", "poor")
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert told.err.startswith("pyjobs: redis://poor:***@") and told.err.endswith(said)


def test_a_server_with_a_password_is_answered_with_the_form_of_such_a_url(cli: Cli) -> None:
    cli.redis.config_set("requirepass", "pw")
    try:
        told = cli("status")
    finally:
        cli.redis.config_set("requirepass", "")
    assert told.err.endswith("; the URL has no password, as redis://:PASSWORD@HOST has\n")


def test_a_warning_of_the_library_looks_like_a_message_of_the_command(cli: Cli) -> None:
    program = (
        "import logging; from pyjobs.cli.output import say_warnings; say_warnings();"
        "logging.getLogger('pyjobs.x').warning('no results can be heard')"
    )
    told = cli.shell([sys.executable, "-c", program])
    assert told.err == "pyjobs: no results can be heard\n"


def test_show_names_the_moment_of_a_job_by_its_place(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a", "--delay", "60")
    names = [line.split()[0] for line in cli("show", "words", "a").out.splitlines()]
    assert "due" in names and "at" not in names


def every_command() -> list[tuple[str, click.Command]]:
    """The commands, and their names."""
    context = click.Context(app)
    found = [(name, app.get_command(context, name)) for name in app.list_commands(context)]
    return [(name, command) for name, command in found if command is not None]


def test_every_command_has_its_file_and_a_line_of_the_help_that_fits_80_columns(cli: Cli) -> None:
    listed = [name for commands in LISTED.values() for name in commands]
    assert [name for name, _ in every_command()] == listed
    said = cli("--help").out
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "..." not in said.partition("\n")[2]
    assert all(f"\n  {name} " in said for name in listed)
    assert "\n    130  Ctrl-C" in said


def test_help_explains_a_command_as_its_option_does(cli: Cli) -> None:
    assert cli("help", "submit") == cli("submit", "--help")
    assert cli("help") == cli("--help")
    assert cli("help", "scripts", "show") == cli("scripts", "show", "--help")


def test_no_option_shows_a_type_of_click_in_its_help(cli: Cli) -> None:
    for name, command in every_command():
        for option in command.params:
            if isinstance(option, click.Option) and not option.is_flag and not option.hidden:
                assert option.help, (name, option.name)
        said = cli(name, "--help").out
        assert "INTEGER" not in said and "FLOAT" not in said, name
        assert "<=x<=" not in said and "x>=" not in said, name


def test_submit_has_an_option_for_each_option_of_the_library() -> None:
    command = dict(every_command())["submit"]
    assert {*Options.__annotations__} <= {option.name for option in command.params}


def test_a_trace_context_given_at_the_command_line_reaches_the_job(cli: Cli) -> None:
    context = f"00-{'1' * 32}-{'2' * 16}-01"
    cli("submit", "words", "1", "--id", "a", "--traceparent", context, "--tracestate", "k=v")
    shown = json.loads(cli("show", "words", "a", "--json").out)
    assert (shown["traceparent"], shown["tracestate"]) == (context, "k=v")


def test_submit_takes_the_mode_of_the_queue_unless_another_is_given(cli: Cli) -> None:
    assert cli("submit", "words", "1", "--mode", "simple").code == 0
    assert cli("submit", "words", "2").code == 0
    assert cli.redis.llen("jobs:{words}:pending") == 2
    told = cli("submit", "words", "3", "--mode", "reliable")
    assert told == (1, "", "pyjobs: queue words is simple, not reliable\n")


def test_jobs_and_show_print_payload_result_and_error_as_json_and_no_text_of_it(cli: Cli) -> None:
    cli("submit", "words", '{"n": [1]}', "--id", "a")
    for words in (("jobs", "words", "--json"), ("show", "words", "a", "--json")):
        found = json.loads(cli(*words).out)
        assert (found["data"], found["error"]) == ({"n": [1]}, None)


def test_a_payload_that_is_no_json_is_shown_as_a_text_of_its_own(cli: Cli) -> None:
    cli("submit", "words", "1", "--id", "a")
    cli.redis.hset("jobs:{words}:job:a", "data", b"{\xff")
    found = json.loads(cli("jobs", "words", "--json").out)
    assert (found["data"], found["data_text"]) == (None, "{\\xff")


@pytest.mark.parametrize("words", [["scripts"], ["--help"], ["status", "none"]], ids=" ".join)
@pytest.mark.parametrize("closed", ["<&- >&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_caller_has_closed_is_no_traceback(
    cli: Cli, words: list[str], closed: str
) -> None:
    line = f'exec "$0" -m pyjobs {" ".join(words)} {closed}'
    told = cli.shell(["/bin/sh", "-c", line, sys.executable])
    assert "Traceback" not in told.err and told.code == (1 if "none" in words else 0)


@pytest.mark.parametrize("words", ["scripts", "--help", "submit words 1"])
def test_a_full_disk_is_one_line_and_exit_code_1(cli: Cli, words: str) -> None:
    line = f'exec "$0" -m pyjobs {words} >/dev/full'
    told = cli.shell(["/bin/sh", "-c", line, sys.executable])
    assert told == (1, "", "pyjobs: can't write to stdout: No space left on device\n")


def test_a_pipe_whose_reader_has_gone_is_no_traceback(cli: Cli) -> None:
    line = f"{sys.executable} -m pyjobs scripts | head -1; {sys.executable} -m pyjobs -h | :"
    told = cli.shell(["/bin/sh", "-c", line])
    assert told.err == "" and told.out.startswith("name ")


@pytest.mark.parametrize(
    ("begun", "found"),
    [
        ("submit wo", ["words"]),
        ("status wo", ["words"]),
        ("help su", ["submit"]),
        ("submit words --task ma", ["mail.send"]),
        ("jobs words --task ", ["mail.send"]),
        ("submit other --task ", []),
        ("scripts show simple/s", ["simple/submit"]),
        ("work mod", ["module_of_tasks"]),
        ("tasks mod", ["module_of_tasks"]),
        ("jobs words --state de", ["delayed", "dead"]),
    ],
)
def test_a_shell_completes_what_a_command_takes(cli: Cli, begun: str, found: list[str]) -> None:
    cli("submit", "words", "{}", "--task", "mail.send")
    cli("submit", "words", "1")
    cli.module("module_of_tasks", "raise SystemExit('it is not imported')")
    variables = {
        "COMP_WORDS": f"pyjobs {begun}",
        "COMP_CWORD": str(begun.count(" ") + 1),
        "_PYJOBS_COMPLETE": "bash_complete",
    }
    program = "import sys; sys.argv[0] = 'pyjobs'; from pyjobs.cli import main; main()"
    told = cli.shell([sys.executable, "-c", program], **variables)
    assert told.out.split() == [f"plain,{word}" for word in found], told


def test_a_shell_completes_the_queues_under_the_prefix_of_the_environment(cli: Cli) -> None:
    cli("submit", "words", "1")
    cli("submit", "other", "1", "--prefix", "mine")
    variables = {
        "COMP_WORDS": "pyjobs status ",
        "COMP_CWORD": "2",
        "_PYJOBS_COMPLETE": "bash_complete",
        "PYJOBS_PREFIX": "mine",
    }
    program = "import sys; sys.argv[0] = 'pyjobs'; from pyjobs.cli import main; main()"
    assert cli.shell([sys.executable, "-c", program], **variables).out == "plain,other\n"


class Nothing(dict[str, str]):
    """What is found where nothing is: queues, and counters without tasks."""

    def tasks(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("complete", [operating.complete_queue, operating.complete_task])
def test_a_shell_does_not_wait_for_a_redis_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, complete: Any
) -> None:
    said = threading.Event()

    def asked(*_: Any, **__: Any) -> Nothing:
        said.wait(LONG)
        return Nothing()

    monkeypatch.setattr(operating, "COMPLETE_SECONDS", 0.05)
    monkeypatch.setattr(Admin, "queues", asked)
    monkeypatch.setattr(Admin, "counters", asked)
    context = click.Context(click.Command("jobs"))
    context.params = {"url": "memory://silent", "queue": "words"}
    began = time.monotonic()
    assert complete(context, click.Option(["--task"]), "") == []
    assert time.monotonic() - began < LONG / 2
    said.set()


def test_a_shell_in_a_folder_that_is_gone_completes_no_module(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    context = click.Context(click.Command("work"))
    assert complete_module(context, click.Argument(["worker"]), "") == []


COMPLETION = """
import sys
import click
from pyjobs.cli.app import app
print(*(one.value for one in app.shell_complete(click.Context(app), "s")))
print(*(name for name in sys.modules if name.startswith("pyjobs.cli.s")))
"""


def test_completion_of_a_command_imports_no_command() -> None:
    told = subprocess.run(
        [sys.executable, "-c", COMPLETION], capture_output=True, text=True, check=True
    )
    assert told.stdout == "submit status schedules show scripts\n\n"
