"""What a worker of a cluster makes of reports of wake tokens, and of answers that come late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

from pyjobs.engine import Keys, Listened, listen
from pyjobs.errors import Unavailable
from pyjobs.transport import Message
from pyjobs.worker.claiming import tokens
from pyjobs.worker.claiming.tokens import WakeListener

Q = "jobs:{q}"
NONE = Listened(False, 0)
SOON = 30.0


class Shards:
    """Channels of no cluster: what is heard is put here."""

    def __init__(self) -> None:
        self.channels: list[str] = []
        self.missed = False
        self.fails = False
        self.news: asyncio.Queue[Message | None] = asyncio.Queue()

    async def open(self, seconds: float) -> None:
        pass

    def end(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def get(self, seconds: float) -> Message | None:
        return await self.news.get()

    async def add(self, channels: Collection[str], seconds: float) -> None:
        self.channels += channels
        if self.fails:
            raise Unavailable("no answer to SUBSCRIBE in 5 s")

    async def remove(self, channels: Iterable[str]) -> None:
        for channel in channels:
            self.channels.remove(channel)

    def report(self) -> None:
        self.news.put_nowait(Message(self.channels[-1].encode(), b""))


class Scene:
    """A listener whose calls are answered here, by turns; then by no token."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[Any] = []
        self.calls = 0
        self.shards = Shards()
        monkeypatch.setattr(tokens, "AsyncShards", lambda server: self.shards)
        monkeypatch.setattr(tokens, "arun", self.answer)
        server: Any = None
        # So long that no look comes within a test.
        self.listener = WakeListener(server, look=60.0)

    async def answer(self, server: Any, call: Any) -> Any:
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else NONE
        return await answer if asyncio.iscoroutine(answer) else answer


def run(monkeypatch: pytest.MonkeyPatch, act: Callable[[Scene], Any]) -> None:
    async def main() -> None:
        scene = Scene(monkeypatch)
        async with asyncio.timeout(SOON):
            await act(scene)
            await scene.listener.close()

    asyncio.run(main())


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_channel_that_is_not_confirmed_in_time_is_left_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        scene.listener.of([Q], lambda: True)
        scene.shards.fails = True
        scene.answers = [Listened(False, 3)]
        with pytest.raises(Unavailable):
            await scene.listener.take(Q, SOON)
        assert scene.shards.channels == []

    run(monkeypatch, act)


def test_a_channel_that_is_heard_again_after_a_loss_makes_a_worker_look_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        scene.listener.of([Q], lambda: True)
        scene.answers = [Listened(False, 3), NONE, Listened(True, 0)]
        wait = asyncio.create_task(scene.listener.take(Q, SOON))
        await settled()
        assert not wait.done()
        scene.shards.missed = True
        scene.shards.news.put_nowait(None)
        assert await wait
        assert not scene.shards.missed

    run(monkeypatch, act)


@pytest.mark.parametrize("taken", [False, True])
def test_a_lane_that_waits_again_before_a_report_is_looked_at_keeps_its_channel(
    monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    async def act(scene: Scene) -> None:
        late: list[int] = []

        def claims() -> bool:
            late.append(1)
            return True

        scene.listener.of([Q], claims)
        scene.answers = [Listened(False, 3), Listened(True, 0)]
        assert await scene.listener.take(Q, SOON)
        answer = asyncio.get_running_loop().create_future()

        async def slowly() -> Any:
            return await answer

        # The lane is at work when the report comes, and waits when the answer does.
        scene.answers = [slowly()]
        scene.shards.report()
        await settled()
        wait = asyncio.create_task(scene.listener.take(Q, SOON))
        await settled()
        answer.set_result(Listened(taken, 0))
        await settled()
        assert scene.shards.channels == [Keys.wake_channel(Q, 3)]
        assert len(late) == taken
        scene.answers = [Listened(True, 0)]
        scene.shards.report()
        assert await wait

    run(monkeypatch, act)


def test_a_call_that_may_have_taken_a_token_is_not_repeated_so_that_its_worker_claims() -> None:
    assert not listen(Q).script.replay_safe


def test_a_report_that_was_under_way_when_its_channel_was_left_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        scene.listener.of([Q], lambda: True)
        scene.answers = [Listened(False, 3), Listened(True, 0)]
        assert await scene.listener.take(Q, SOON)
        await scene.listener.leave(Q)
        assert (scene.shards.channels, scene.calls) == ([], 2)
        scene.shards.news.put_nowait(Message(Keys.wake_channel(Q, 3).encode(), b""))
        await settled()
        assert scene.calls == 3

    run(monkeypatch, act)
