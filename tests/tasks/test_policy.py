"""What is wrong with a task is said at its decoration; words of other libraries get a hint."""

from __future__ import annotations

from typing import Any

import pytest

import pyjobs
import pyjobs.aio
from pyjobs import BadArgument, Client, task


def plain(to: str = "ann") -> str:
    return to


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({"unique": "k"}, "task x: unique: must be a function of the arguments"),
        ({"retry_on": "ValueError"}, "task x: retry_on: must be classes of exceptions, such as"),
        ({"retry_on": (ValueError, "OSError")}, "task x: retry_on: must be classes of exceptions"),
        ({"reject_on": ValueError("x")}, "task x: reject_on: must be classes of exceptions"),
        ({"on_dead": "print"}, "task x: on_dead: must be a function of the job and its JobFailed"),
        ({"max_attempts": 0}, "task x: max_attempts: must be a whole number from 1 to 1000, not 0"),
        ({"timeout": 0}, "task x: timeout: must be a number of seconds, 0.001 or more, not 0"),
        ({"timeout": "1s"}, "task x: timeout: must be a number of seconds"),
        ({"backoff": -1}, "task x: backoff: must be a number of seconds, 0 or more, not -1"),
        ({"retention": -1}, "task x: retention: must be a number of seconds, 0 or more, not -1"),
        ({"queue": "a b"}, "queue: must be 1 to 128 of"),
        ({"cron": "0 9 * *"}, "cron: '0 9 [*] [*]' has not five fields"),
        ({"cron": "0 9 * * *", "zone": "Mars"}, "zone: there is no time zone 'Mars'"),
        ({"every": 0.5}, "every: must be a number of seconds, 1 or more, not 0.5"),
        ({"every": 60, "missed": "none"}, "missed: 'none' is not one of skip, last, all"),
        ({"executor": "fork"}, "task x: executor: 'fork' is not one of"),
        (
            {"delay": 5},
            r"delay: @task has no such option; it is an option of a submit: .*using\(del",
        ),
        ({"max_retries": 5}, "max_retries: @task has no such option; max_attempts counts"),
        ({"autoretry_for": ()}, "autoretry_for: @task has no such option; the word is retry_on"),
        ({"nonsense": 1}, "nonsense: @task has no such option$"),
    ],
)
def test_a_wrong_option_of_a_task_is_refused_at_its_decoration(policy: Any, why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        task(name="x", **policy)(plain)


def test_a_decorator_that_is_given_a_name_by_its_place_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"@task: 'mail\.send' is no function"):
        task("mail.send")  # type: ignore[call-overload]


@pytest.mark.parametrize("given", [ValueError, [ValueError], {ValueError}])
def test_one_class_and_a_list_of_classes_are_a_policy_too(given: Any) -> None:
    assert task(name="x", retry_on=given)(plain)._retry_on == (ValueError,)  # type: ignore[arg-type]


def test_a_unique_function_that_raises_is_named_at_the_submit() -> None:
    keyless = task(name="x", unique=lambda: "k")(plain)
    with pytest.raises(BadArgument, match="task x: unique: no key, but raised TypeError"):
        keyless.submission(("ann",), {})


@pytest.mark.parametrize("word", ["delay", "apply_async", "send", "kiq", "enqueue"])
def test_a_task_says_how_it_is_submitted(word: str) -> None:
    with pytest.raises(AttributeError, match=rf"{word}.*client\.submit\(task, "):
        getattr(task(name="x")(plain), word)


def test_an_unknown_attribute_of_a_task_has_no_hint() -> None:
    with pytest.raises(AttributeError, match=r"a task has no attribute 'nonsense'$"):
        _ = task(name="x")(plain).nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [Client, pyjobs.aio.Client])
@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("enqueue", r"client\.submit\(task"),
        ("send_task", r"client\.submit\(task"),
        ("enqueue_in", "run_at= is a moment"),
        ("fetch_job", r"client\.job\(id\)"),
    ],
)
def test_a_client_says_what_to_call_instead(kind: Any, word: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=hint):
        getattr(kind("memory://hints"), word)


def test_options_among_the_arguments_of_a_task_are_named_with_their_place() -> None:
    with Client("memory://hints") as client, pytest.raises(BadArgument) as found:
        client.submit(task(name="x")(plain), "ann", delay=5)  # type: ignore[call-arg]
    assert str(found.value).endswith(
        "options of a submit go into using: client.submit(task.using(delay=...), ...)"
    )


def test_a_parameter_that_is_called_as_an_option_is_a_parameter() -> None:
    @task(name="x")
    def later(delay: int) -> int:
        return delay

    assert later.submission((), {"delay": 5}).data == b'{"delay":5}'


@pytest.mark.parametrize("args", [(), ("ann",)])
def test_a_function_that_is_submitted_is_named_with_the_remedy(args: Any) -> None:
    with (
        Client("memory://hints") as client,
        pytest.raises(BadArgument, match="data: plain is a function; make it a task by @task"),
    ):
        client.submit(plain, *args)  # type: ignore[call-overload]
