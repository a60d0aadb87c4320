"""From values to the calls that submit them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.client_core import (
    asked,
    make,
    prepare,
    sent,
)

from pyjobs.client import options
from pyjobs.client.batch import split
from pyjobs.client.single import Single
from pyjobs.engine import RELIABLE
from pyjobs.engine.limits import CALL_BYTES, MAX_BYTES, SUBMIT_ITEMS
from pyjobs.errors import BadArgument, Unencodable


class TestPrepare:
    def test_the_call_has_client_options_ids_and_encoded_data(self) -> None:
        core = make()
        batch = prepare(
            core,
            [{"a": 1}, "ä"],
            ["x", "y"],
            delay=1.5,
            retention=60,
            timeout=2,
            max_attempts=5,
            backoff=0,
        )
        [made] = batch.made
        assert made.call.script.name == "reliable/submit"
        assert made.call.keys == ("jobs:{q}",)
        client, options, *items = made.call.args
        assert client == core.name
        assert set(str(options).split()) == {
            "delay=1500", "retention=60000", "timeout=2000", "max_attempts=5", "backoff=0"
        }  # fmt: skip
        assert items == ["x", b'{"a":1}', "y", '"ä"'.encode()]
        assert [(job.id, job.queue) for job in made.jobs] == [("x", "q"), ("y", "q")]

    @pytest.mark.parametrize(
        ("mode", "options"),
        [("reliable", "written=1"), ("recoverable", "written=1"), ("simple", "")],
    )
    def test_a_durable_submit_writes_in_every_case_where_it_may_be_repeated(
        self, mode: str, options: str
    ) -> None:
        [made] = prepare(make(mode), [1], ["x"], durable="replicas:1").made
        assert made.call.args[1] == options

    def test_a_traced_submit_has_its_context_among_the_options_and_all_else_in_its_place(
        self,
    ) -> None:
        core = make()
        [plain] = core.builder.many([1, 2], None, ["x", "y"], {"delay": 1}).calls()
        batch = core.builder.many([1, 2], None, ["v", "w"], {"delay": 1})
        batch.trace = "traceparent=00-ab-cd-01"
        [traced] = batch.calls()
        assert traced.args[1] == f"{plain.args[1]} traceparent=00-ab-cd-01"
        assert traced.args[0] == plain.args[0]
        assert traced.args[2:] == ("v", plain.args[3], "w", plain.args[5])

    def test_missing_ids_are_made_and_differ(self) -> None:
        batch = prepare(make(), [1] * 1000)
        assert len({job.id for job in batch.jobs}) == 1000

    def test_a_call_holds_chunk_items_jobs_at_most(self) -> None:
        count = 2 * SUBMIT_ITEMS + 50
        ids = [f"j{n}" for n in range(count)]
        batch = prepare(make(), iter(range(count)), iter(ids))
        assert [len(made.jobs) for made in batch.made] == [SUBMIT_ITEMS, SUBMIT_ITEMS, 50]
        assert asked(batch.made) == ids == [job.id for job in batch.jobs]

    def test_a_call_and_its_jobs_are_made_when_the_call_is_asked_for(self) -> None:
        core = make()
        batch = core.builder.many(range(2 * SUBMIT_ITEMS), None, None, {})
        calls = batch.calls()
        assert batch.jobs == [None] * 2 * SUBMIT_ITEMS and not core._pending.all()
        next(calls)
        assert core._pending.all() == batch.jobs[:SUBMIT_ITEMS] == batch.made[0].jobs
        assert batch.jobs[SUBMIT_ITEMS:] == [None] * SUBMIT_ITEMS
        next(calls)
        assert core._pending.all() == batch.jobs and len(batch.made) == 2

    def test_a_call_holds_call_bytes_and_one_payload_at_most(self) -> None:
        batch = prepare(make(), ["x" * (MAX_BYTES - 2)] * 9)
        assert len(asked(batch.made)) == 9
        for made in batch.made:
            data = [part for part in made.call.args if isinstance(part, bytes)]
            assert sum(map(len, data)) <= CALL_BYTES + MAX_BYTES

    def test_no_data_makes_no_call(self) -> None:
        assert not prepare(make(), []).made

    def test_a_route_makes_a_call_for_each_queue(self) -> None:
        core = make(route=lambda data: "even" if data % 2 == 0 else "odd")
        batch = prepare(core, [1, 2, 3], list("abc"))
        found = {made.call.keys: asked([made]) for made in batch.made}
        assert found == {("jobs:{odd}",): ["a", "c"], ("jobs:{even}",): ["b"]}

    def test_a_named_queue_goes_before_the_route(self) -> None:
        core = make(route=lambda data: "routed")
        assert prepare(core, [1], queue="named").made[0].call.keys == ("jobs:{named}",)

    @pytest.mark.parametrize("name", ["", "a b", "a{b}", "ä", "x" * 129, 7, ["a"]])
    def test_bad_queue_names_and_ids_are_refused(self, name: Any) -> None:
        for attempt in (
            lambda: prepare(make(), [1], queue=name),
            lambda: prepare(make(route=lambda data: name), [1]),
        ):
            with pytest.raises(BadArgument, match="queue"):
                attempt()
        with pytest.raises(BadArgument, match="id"):
            prepare(make(), [1], [name])

    @pytest.mark.parametrize("ids", [["a"], ["a", "b", "c"]])
    def test_another_number_of_ids_than_of_jobs_is_refused(self, ids: list[str]) -> None:
        with pytest.raises(BadArgument, match="ids"):
            prepare(make(), [1, 2], ids)

    def test_data_that_is_no_json_or_too_large_is_refused(self) -> None:
        with pytest.raises(Unencodable):
            prepare(make(), [{1, 2}])
        with pytest.raises(BadArgument, match=r"data\[0\]: .* more than"):
            prepare(make(), ["x" * MAX_BYTES])

    def test_the_job_whose_data_has_no_json_is_named(self) -> None:
        with pytest.raises(Unencodable, match=r"^data\[2\].a: a set can't be written as JSON$"):
            prepare(make(), [1, {"a": 2}, {"a": {3}}])
        with pytest.raises(BadArgument, match=r"^data\[1\]: 1048578 bytes, more than 1048576$"):
            prepare(make(), [1, "x" * MAX_BYTES, 2])

    def test_a_route_that_raises_is_named_with_its_error(self) -> None:
        core = make(route=lambda data: data["t"])
        for attempt in (
            lambda: prepare(core, [{"x": 1}]),
            lambda: core.builder.item({"x": 1}, None, None, {}),
        ):
            with pytest.raises(BadArgument, match=r"^route: .* raised KeyError: 't'$") as caught:
                attempt()
            assert isinstance(caught.value.__cause__, KeyError)

    def test_a_unique_key_for_several_jobs_is_refused(self) -> None:
        with pytest.raises(BadArgument, match=r"^unique: a key is for one job, and .* has 2$"):
            prepare(make(), [1, 2], unique="k")
        assert prepare(make(), [1], unique="k").jobs[0].created
        assert len(prepare(make(), [1, 2], unique=None).jobs) == 2

    @pytest.mark.parametrize("name", ["delay", "retention", "timeout", "backoff"])
    @pytest.mark.parametrize("value", [-1, "1", True, float("nan"), float("inf")])
    def test_a_time_that_is_no_number_of_seconds_is_refused(self, name: str, value: Any) -> None:
        with pytest.raises(BadArgument, match=name):
            prepare(make(), [1], **{name: value})

    def test_unknown_options_and_bad_counts_are_refused(self) -> None:
        with pytest.raises(BadArgument, match="max_attempts"):
            prepare(make(), [1], max_attempts=1.5)
        with pytest.raises(BadArgument, match="priority"):
            prepare(make(), [1], priority=1)

    @pytest.mark.parametrize(
        ("mode", "name"),
        [
            ("simple", "delay"),
            ("simple", "retention"),
            ("simple", "timeout"),
            ("recoverable", "backoff"),
        ],
    )
    def test_options_that_the_mode_lacks_are_refused(self, mode: str, name: str) -> None:
        with pytest.raises(BadArgument, match=f"{name}: submit in {mode} mode has no such option"):
            prepare(make(mode), [1], **{name: 1})

    @pytest.mark.parametrize("durable", [None, "replicas:1"])
    @pytest.mark.parametrize("given", [{}, {"delay": 1.5}, {"unique": "u"}], ids=repr)
    def test_a_single_item_makes_the_same_call_as_a_list(
        self, given: dict[str, Any], durable: str | None
    ) -> None:
        """The short way makes the same call, also with the options of one before."""
        core = make(route=lambda data: f"q{data}")
        given = {**given, "durable": durable}
        many = prepare(core, [1], ["a"], **given)
        for _ in range(2):
            item = core.builder.item(1, None, "a", given)
            one = sent(core.builder.together([item]))
            assert [made.call for made in one.made] == [made.call for made in many.made]
            assert one.jobs == many.jobs == [Single(core, item).job]
            assert core.builder.call(item) == many.made[0].call

    @pytest.mark.parametrize("wrong", [True, 3.0, 3.5])
    def test_a_value_that_equals_one_that_was_given_before_is_checked_by_its_own_type(
        self, wrong: Any
    ) -> None:
        core = make()
        for number in (3, 1):
            prepare(core, [1], max_attempts=number)
        with pytest.raises(BadArgument, match="max_attempts"):
            prepare(core, [1], max_attempts=wrong)

    def test_options_that_can_t_be_kept_are_checked_and_taken_each_time(self) -> None:
        core = make()
        for delay in (1, 1.0, timedelta(seconds=1)):
            [made] = prepare(core, [1], delay=delay, task="t").made
            assert made.call.args[1] == "delay=1000 task=t"
        for key in ("a", "b"):
            [made] = prepare(core, [1], unique=key, task="t").made
            assert made.call.args[1] == f"unique={key} task=t"
        with pytest.raises(BadArgument, match="delay"):
            prepare(core, [1], delay=[])

    def test_the_options_that_are_kept_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(options, "MOST_KEPT", 3)
        texts = options.OptionTexts(RELIABLE.script("submit"))
        for _ in range(2):
            for delay in range(10):
                assert texts.of({"delay": delay}) == f"delay={delay * 1000}"
                assert len(texts._known) <= 3

    def test_items_of_one_queue_and_the_same_options_share_a_call(self) -> None:
        """Those of one queue with the same options are one call."""
        core = make()
        item = core.builder.item
        items = [
            item(1, None, None, {}),
            item(2, "other", "b", {}),
            item(3, None, "c", {"delay": 1}),
            item(4, "q", "d", {}),
        ]
        batch = sent(core.builder.together(items))
        told = [(made.call.keys, made.call.args[1], made.places) for made in batch.made]
        assert told == [
            (("jobs:{q}",), "", [0, 3]),
            (("jobs:{other}",), "", [1]),
            (("jobs:{q}",), "delay=1000", [2]),
        ]
        assert [job.id for job in batch.jobs][1:] == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([CALL_BYTES - 1, 1, 1], [2, 1]),
        ([CALL_BYTES, 1, 1], [1, 2]),
        ([CALL_BYTES + 1, 1], [1, 1]),
        ([0, CALL_BYTES, 0], [3]),
        ([1] * (SUBMIT_ITEMS + 1), [SUBMIT_ITEMS, 1]),
    ],
    ids=["full to the byte", "one fills it", "one is too large", "empty ones", "many"],
)
def test_a_call_takes_as_many_jobs_as_its_bytes_and_its_count_allow(
    sizes: list[int], parts: list[int]
) -> None:
    large = b"x" * (CALL_BYTES + 1)
    found = [*split(range(len(sizes)), [large[:size] for size in sizes])]
    assert [len(part) for part in found] == parts
