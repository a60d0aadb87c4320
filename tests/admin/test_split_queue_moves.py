"""Jobs that are moved from a queue that is split, and to one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from support.running import working
from support.split_queue import MAIL, everywhere, in_memory, lengths
from support.store import Store

from pyjobs.admin import Admin
from pyjobs.admin.filters import Filter
from pyjobs.engine import (
    by_part,
    hash_of,
    part_key,
    receive_jobs,
    send_jobs,
)
from pyjobs.errors import BadArgument, WrongParts

pytest_plugins = ("support.split_queue",)


@everywhere
def test_jobs_of_all_parts_are_moved_to_another_queue(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    admin.split("mail", 3)
    ids = [f"j{n}" for n in range(20)]
    mail_client.submit_many([*range(20)], ids=ids)
    keyed = mail_client.submit("keyed", unique="key")
    answers = admin.move("mail", "other", [*ids[:5], keyed.id, "none"])
    assert [answer.word for answer in answers] == ["moved"] * 6 + ["NOJOB"]
    assert admin.move_jobs("mail", "other", Filter(state="pending"), expected=15).done == 15
    assert admin.stats("other").pending == 21
    assert admin.count_jobs("mail", "cancel", Filter(state="pending")) == 0
    assert admin.check("mail") == admin.check("other") == []
    # A repeated submit finds where its job was.
    assert not any(job.created for job in mail_client.submit_many([*range(20)], ids=ids))


@everywhere
def test_jobs_that_are_moved_to_a_queue_in_parts_go_where_a_submit_goes(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    admin.split("mail", 3)
    admin.split("mails", 2)
    ids = [f"j{n}" for n in range(20)]
    keyed = [mail_client.submit(n, id=f"k{n}", queue="mails", unique=f"u{n}") for n in range(6)]
    mail_client.submit_many([*range(20)], ids=ids, queue="mails")
    taken = mail_client.submit("taken", unique="u5")
    answers = admin.move("mails", "mail", [*ids[:5], *(job.id for job in keyed), "none"])
    assert [answer.word for answer in answers] == ["moved"] * 10 + ["CONFLICT", "NOJOB"]
    assert admin.move_jobs("mails", "mail", Filter(state="pending"), expected=16).done == 15
    hashes = [*(hash_of(id) for id in ids), *(hash_of(f"u{n}") for n in range(5))]
    of_part = Counter(one % 3 for one in [*hashes, hash_of("u5")])
    assert lengths(store, admin) == [of_part[part] for part in range(3)]
    # What was moved is found where it is now, by its id and by its unique key.
    assert not any(job.created for job in mail_client.submit_many([*range(20)], ids=ids))
    assert mail_client.submit("again", unique="u0").id == "k0"
    assert admin.outbox("mails") == []
    assert admin.count_jobs("mails", "cancel", Filter(state="pending")) == 1
    assert admin.check("mail") == admin.check("mails") == []
    with working(store.url, lambda job: job.data, queues=["mail"]):
        assert mail_client.job("j7").result(30) == 7
        assert taken.result(30) == "taken"


@in_memory
def test_a_move_that_broke_off_ends_in_the_part_where_it_began_however_the_queue_has_grown(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    """The part that has answered has the answer, and no other part would find it."""
    admin.split("mail", 2)
    ids = [f"j{n}" for n in range(30)]
    mail_client.submit_many([*range(30)], ids=ids, queue="other")
    sent = store.call(send_jobs("jobs:{other}", ids, to="mail", nonce="n", places=(1,))).jobs
    arrived = by_part(MAIL, sent[:20])
    assert {number for _, number in arrived} == {2}
    for (part, number), some in arrived.items():
        call = receive_jobs(part, "reliable", some, parts=number)
        assert store.call(call) == ["received"] * len(some)
    before = lengths(store, admin)
    admin.split("mail", 5)
    with pytest.raises(WrongParts):
        admin.move("other", "mail", ["none"])
    # What had arrived is forgotten, and what had not is refused by the parts, and is back.
    assert admin.outbox("other") == []
    assert lengths(store, admin)[:2] == before and sum(lengths(store, admin)) == 20
    assert admin.count_jobs("other", "cancel", Filter(state="pending")) == 10


@in_memory
def test_a_move_to_a_queue_whose_split_is_not_settled_is_refused(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    mail_client.submit_many([*range(9)], ids=[f"j{n}" for n in range(9)])
    waits = mail_client.submit(0, queue="other")
    assert admin.split("mail", 3).older == 1
    with pytest.raises(WrongParts, match="queue mail was split, and the split is not settled"):
        admin.move("other", "mail", [waits.id])
    assert admin.stats("other").pending == 1 and admin.outbox("other") == []


@in_memory
def test_the_next_move_carries_on_what_a_killed_mover_left_in_a_part(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    admin.split("mail", 2)
    id = next(f"j{n}" for n in range(9) if hash_of(f"j{n}") % 2)
    mail_client.submit(0, id=id)
    store.call(send_jobs(part_key(MAIL, 1), [id], to="other", nonce="n"))
    assert [job.id for job in admin.outbox("mail")] == [id]
    with store.unchanged(), pytest.raises(BadArgument, match="on their way to another queue"):
        admin.split("mail", 3)
    admin.move("mail", "other", ["none"])
    assert admin.outbox("mail") == [] and admin.stats("other").pending == 1
    # Growth brings jobs whose part is another now.
    other = mail_client.submit(0, id=f"{id}.1")
    assert admin.split("mail", 3).older == 2
    with pytest.raises(WrongParts, match="queue mail was split, and the split is not settled"):
        admin.move("mail", "other", [other.id])
