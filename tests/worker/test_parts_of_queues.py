"""How a worker learns the parts of its queues, and claims from them by turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from pyjobs import Worker
from pyjobs.asyncutil import cancel_and_wait, ended
from pyjobs.engine import REGISTER_SECONDS, RELIABLE, Keys, Parts, Policy, part_key
from pyjobs.errors import Unavailable
from pyjobs.worker.claiming import parts
from pyjobs.worker.claiming.claims import Claims
from pyjobs.worker.claiming.core import WorkerCore
from pyjobs.worker.claiming.lanes import Lane, Lanes

MAIL = "jobs:{mail}"

NAMES = [f"q{number}" for number in range(6)]
KEYS = [Keys("jobs").queue(name) for name in NAMES]
SILENT, REFUSED, *OTHERS = KEYS
NO_SERVER: Any = None


class Asked:
    """Answers in the place of Redis, and knows which queues were asked since the last look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._keys: list[str] = []
        self.is_back = False
        monkeypatch.setattr(parts, "alearn_parts", self._answer)
        monkeypatch.setattr(parts, "START_SECONDS", 0.1)
        monkeypatch.setattr(parts, "REPLY_SECONDS", 0.1)

    def seen(self) -> list[str]:
        keys, self._keys = self._keys, []
        return keys

    async def _answer(self, server: Any, key: str) -> Parts:
        self._keys.append(key)
        if key == SILENT and not self.is_back:
            await asyncio.sleep(60)
        if key == REFUSED and not self.is_back:
            raise Unavailable("gone")
        return Parts(2, places=(1,))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


@pytest.fixture
def core() -> WorkerCore:
    return WorkerCore(Worker(queues=NAMES).settings, apart=True)


def second_parts(core: WorkerCore, lanes: list[Lane]) -> list[str]:
    """The keys of the queues of these lanes, each of which is the second part of its queue."""
    return [core.keys[at].replace("/1}", "}") for lane in lanes for at in lane.queues]


def test_queues_whose_node_says_nothing_hold_up_the_parts_of_no_other_queue(
    asked: Asked, core: WorkerCore
) -> None:
    reader = parts.PartsReader(core, NO_SERVER, KEYS)
    assert reader.pause(0.0) == 0
    assert second_parts(core, asyncio.run(reader.read(0.0))) == OTHERS


def test_many_queues_of_a_node_that_says_nothing_hold_up_no_queue_of_another_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"q{number}" for number in range(parts.AT_ONCE + 1)]
    *silent, last = [Keys("jobs").queue(name) for name in names]

    async def answer(server: Any, key: str) -> Parts:
        if key in silent:
            await asyncio.sleep(60)
        return Parts(2, places=(1,))

    monkeypatch.setattr(parts, "alearn_parts", answer)
    monkeypatch.setattr(parts, "owner_of", lambda server: lambda key: key in silent)
    monkeypatch.setattr(parts, "START_SECONDS", 0.1)
    core = WorkerCore(Worker(queues=names).settings, apart=True)
    reader = parts.PartsReader(core, NO_SERVER, [*silent, last])
    assert second_parts(core, asyncio.run(reader.read(0.0))) == [last]


def test_a_queue_whose_node_says_nothing_holds_up_the_first_claim_for_less_than_a_reply_may_take(
    asked: Asked, core: WorkerCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "REPLY_SECONDS", 60.0)

    async def main() -> None:
        reader = parts.PartsReader(core, NO_SERVER, KEYS)
        async with asyncio.timeout(30.0):
            assert second_parts(core, await reader.read(0.0)) == OTHERS

    asyncio.run(main())


def test_a_wait_for_the_parts_that_is_cancelled_leaves_no_task(
    asked: Asked, core: WorkerCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "START_SECONDS", 60.0)

    async def main() -> None:
        reading = asyncio.create_task(parts.PartsReader(core, NO_SERVER, KEYS).read(0.0))
        await asyncio.sleep(0.05)
        await cancel_and_wait(reading)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_queue_whose_parts_could_not_be_read_is_asked_again_soon_and_the_others_each_minute(
    asked: Asked, core: WorkerCore
) -> None:
    reader = parts.PartsReader(core, NO_SERVER, KEYS)
    asyncio.run(reader.read(0.0))
    assert asked.seen() == KEYS
    now, pauses = 0.0, list[float]()
    while now + (pause := reader.pause(now)) < REGISTER_SECONDS:
        now, pauses = now + pause, [*pauses, pause]
        assert asyncio.run(reader.read(now)) == []
        assert asked.seen() == [SILENT, REFUSED]
    # The pauses double: a node that is away for long gets few questions.
    assert 0 < pauses[0] <= 1 and 4 <= len(pauses) <= 7
    now += pause
    asyncio.run(reader.read(now))
    assert asked.seen() == KEYS
    asked.is_back = True
    now += reader.pause(now)
    assert second_parts(core, asyncio.run(reader.read(now))) == [SILENT, REFUSED]
    asked.seen()
    assert reader.pause(now) == pytest.approx(2 * REGISTER_SECONDS - now)


def test_the_failure_of_a_lane_that_was_added_later_ends_the_wait_for_all_lanes() -> None:
    async def fails() -> None:
        raise ValueError("broken")

    async def main() -> None:
        first = asyncio.create_task(asyncio.sleep(60))
        trips = [first]
        tasks = [first]
        wait = asyncio.create_task(ended(trips, tasks, look=0.01))
        await asyncio.sleep(0)
        later = asyncio.create_task(fails())
        trips.append(later)
        tasks.append(later)
        async with asyncio.timeout(5):
            await wait
        assert isinstance(later.exception(), ValueError)
        await cancel_and_wait(first)

    asyncio.run(main())


def test_lanes_are_waited_for_until_those_that_were_added_later_have_ended() -> None:
    async def main() -> None:
        free = asyncio.Event()

        async def waits() -> None:
            await free.wait()

        async def is_short() -> None:
            await asyncio.sleep(0.05)

        trips = [asyncio.create_task(is_short())]
        wait = asyncio.create_task(ended(trips, trips, look=0.01))
        await asyncio.sleep(0)
        trips.append(asyncio.create_task(waits()))
        await asyncio.sleep(0.1)
        assert not wait.done()
        free.set()
        async with asyncio.timeout(5):
            await wait

    asyncio.run(main())


def test_the_parts_of_a_queue_take_turns_and_other_queues_keep_their_rank() -> None:
    keys = ["jobs:{urgent}", MAIL, "jobs:{late}"]
    claims = Claims(RELIABLE, keys, Policy(lease=1000), lambda: "n")
    for place in (1, 2):
        keys.append(part_key(MAIL, place))
        claims.add(len(keys) - 1, 1)
    orders = [claims._in_order({0, 1, 2, 3, 4}) for _ in range(6)]
    assert all(order[0] == 0 and order[-1] == 2 for order in orders)
    assert Counter(order[1] for order in orders) == {1: 2, 3: 2, 4: 2}


def test_the_lane_of_a_part_comes_behind_the_other_parts_when_it_has_brought_jobs() -> None:
    def lane(index: int, rank: int | None = None) -> Lane:
        policy = Policy(lease=1000)
        return Lane([index], Claims(RELIABLE, [MAIL], policy, lambda: "n", [0]), rank)

    first, mail, last = lane(0), lane(1), lane(2)
    lanes = Lanes([first, mail, last])
    lanes.add(part := lane(3, 1))
    assert {lanes[0], lanes[-1]} == {first, last} and {*lanes[1:3]} == {mail, part}
    for one in (mail, part, mail, last):
        lanes.turn(one)
        if one is not last:
            assert lanes[2] is one
    assert [*lanes] == [first, part, mail, last]
