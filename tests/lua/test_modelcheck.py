"""The small model of reliable mode: all its states are safe, and no mutant of it gets through.

`tests/modelcheck/` says what is modelled. PYJOBS_MODELCHECK=large explores far more, in about
4 minutes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from typing import Any

import modelcheck
import pytest
from modelcheck import (
    announcements,
    arrivals,
    batches,
    counters,
    listeners,
    moves,
    outputs,
    parts,
    repairs,
    schedules,
    updates,
)
from modelcheck.batches import Batches, Entry
from modelcheck.engine import Engine, Keys
from modelcheck.explore import check, explore
from modelcheck.listeners import Listeners
from modelcheck.mutants import STUCK, CounterOnlyFence, Mutant, all_mutants
from modelcheck.sizes import BESIDE, LARGE, SMALL
from modelcheck.tied import BUILT, MODELLED, Apart, Tied, claim_of
from modelcheck.world import Limits
from support.servers import MEMORY_PLACES, PREFERRED, VERB_PLACES, at
from support.store import Jobs, Store

from pyjobs.engine.modes import MODES

pytestmark = pytest.mark.slow

SIZES = SMALL | (LARGE if os.environ.get("PYJOBS_MODELCHECK") == "large" else {})
AT_ONCE = 5_000  # states; what has more is long
WALKS = int(os.environ.get("PYJOBS_WALKS", "20"))
SEED = 77  # from here on twenty walks meet all of MUST_BE_SEEN
LENGTH = 60
MUTANTS = all_mutants()
MUST_BE_SEEN = {
    *(("submit", word) for word in ("new", "pending", "delayed", "inflight", "done", "cancelled")),
    *(("complete", word) for word in ("done", "repeat", "LOST")),
    *(("fail", word) for word in ("delayed", "dead", "repeat", "LOST", "NOJOB")),
    *(("extend", word) for word in ("inflight", "repeat", "LOST", "cancelled")),
    *(("release", word) for word in ("pending", "delayed", "dead", "repeat", "LOST")),
    *(("release", word) for word in ("NOJOB", "cancelled")),
    *(("cancel", word) for word in ("cancelled", "done")),
    *((fault, "") for fault in ("crash", "power cut", "the reply is lost", "a late copy arrives")),
}


def by_states(models: Mapping[str, tuple[object, int]]) -> list[Any]:
    """The names of models, of which the large ones are long."""
    return [
        pytest.param(name, marks=[pytest.mark.long] if states > AT_ONCE else [])
        for name, (_, states) in models.items()
    ]


def name(mutant: type[Engine | Batches | Listeners]) -> str:
    return mutant.name.replace(" ", "-").replace(",", "")


def has_real_steps(mutant: type[Mutant]) -> bool:
    """Not a reap in two calls, which no script makes, nor a worker's fault, nor a trace to what
    never happens; and the scripts have what it is a fault of."""
    scripted = mutant.reap_call is Engine.reap_call and mutant.gives_up is Engine.gives_up
    return scripted and mutant.why != STUCK and (not mutant.needs or mutant.needs in BUILT)


@pytest.mark.parametrize("size", by_states(SIZES))
@pytest.mark.timeout(900)
def test_no_state_of_the_design_breaks_a_rule(size: str) -> None:
    limits, floor = SIZES[size]
    found = check(Engine, limits)
    print(found)
    assert not found.why, str(found)
    assert found.states >= floor


@pytest.mark.parametrize("mutant", MUTANTS, ids=name)
def test_every_mutant_of_the_design_is_caught(mutant: type[Mutant]) -> None:
    found = check(mutant, mutant.limits)
    assert mutant.why in found.why, str(found)
    trace = str(found).splitlines()[1:]
    assert len(trace) == len(found.trace) <= mutant.longest
    assert "producer: reliable/submit a -> new" in trace[0]


@pytest.mark.long
@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS if mutant.stuck], ids=name)
def test_a_mutant_that_loses_jobs_is_caught_by_jobs_that_cannot_end(mutant: type[Mutant]) -> None:
    found = check(mutant, mutant.limits, safety=False)
    assert STUCK in found.why, str(found)


@pytest.mark.parametrize("model", by_states(BESIDE))
def test_the_design_beside_the_leases_is_right(model: str) -> None:
    design, floor = BESIDE[model]
    found = explore(design)
    assert not found.why, str(found)
    assert found.states >= floor


@pytest.mark.parametrize(
    "mutant",
    [
        *(*announcements.MUTANTS, *batches.MUTANTS, *listeners.MUTANTS, *outputs.MUTANTS),
        *counters.MUTANTS,
        *arrivals.MUTANTS,
        *moves.MUTANTS,
        *repairs.MUTANTS,
        *parts.MUTANTS,
        *(*schedules.MUTANTS, *updates.MUTANTS),
    ],
    ids=name,
)
def test_a_mutant_beside_the_leases_is_caught(mutant: type[Batches | Listeners]) -> None:
    found = explore(mutant())
    assert mutant.why, mutant
    assert mutant.why in found.why, str(found)
    assert len(found.trace) <= 12


def test_a_queue_whose_head_never_fits_is_caught_as_stuck() -> None:
    assert STUCK in explore(batches.NothingTooLarge(), safety=False).why


@pytest.mark.long
def test_a_listener_that_is_not_told_is_caught_as_stuck() -> None:
    assert STUCK in explore(listeners.LatestSubmitter(), safety=False).why


def test_a_token_without_a_nonce_is_safe_without_power_cuts() -> None:
    """So that it is the power cut which the nonce is for, and the search that finds it."""
    assert not check(CounterOnlyFence, CounterOnlyFence.limits._replace(cuts=0)).why


TRACE = """
   1. producer: reliable/submit a -> new
   2. disk: all so far is written
   3. worker 1: reliable/claim n1 -> a 1-n1
   4. power: fails  (power cut)
   5. worker 2: reliable/claim n2 -> a 1-n2
   6. worker 1: reliable/complete a 1-n1 -> done
"""


def test_a_trace_is_printed_as_numbered_steps() -> None:
    found = check(CounterOnlyFence, CounterOnlyFence.limits)
    assert str(found).partition("\n")[2] == TRACE.strip("\n")


class OnlyClaimsPutBack(Engine):
    def reap(self, k: Keys) -> tuple[str, ...]:
        return ()


class OnlyReapersPutBack(Engine):
    def claim(self, k: Keys, nonce: int) -> tuple[object, ...]:
        before = self.replay(k, nonce)
        return self.take(k, nonce) if before is None else before


@pytest.mark.long
@pytest.mark.parametrize("engine", [OnlyClaimsPutBack, OnlyReapersPutBack])
def test_claims_alone_or_reapers_alone_recover_every_job(engine: type[Engine]) -> None:
    found = check(engine, Limits(crashes=2, late=False))
    assert not found.why, str(found)


def walk(store: Store, walks: int) -> set[tuple[str, str]]:
    seen = set()
    fresh = Limits(jobs=2, cuts=2, cancels=1)
    away = fresh._replace(absences=2, losses=2)
    suspects = fresh._replace(jobs=3, crashes=4, crashed=2)
    deploy = Limits(releases=3, unknown=True)
    for seed in range(SEED, SEED + walks):
        for limits in (fresh, away, suspects, deploy):
            tied = Tied(Jobs(store, MODES["reliable"]), limits)
            tied.walk(Engine, LENGTH, seed)
            seen |= tied.seen
    store.redis.flushall()
    return seen


@at(VERB_PLACES, long=[place for place in VERB_PLACES if place != (PREFERRED, "sync")])
def test_two_walks_of_the_scripts_match_the_model(store: Store) -> None:
    assert walk(store, 2)


@pytest.mark.long
@at(MEMORY_PLACES)
def test_many_walks_of_the_scripts_match_the_model_and_meet_every_reply(store: Store) -> None:
    seen = walk(store, WALKS)
    assert seen >= MUST_BE_SEEN, MUST_BE_SEEN - seen


def test_what_is_modelled_and_not_built_is_said(store: Store) -> None:
    """The docstring of the package names it, so that nobody takes it for tested."""
    _, _, listed = (modelcheck.__doc__ or "").partition("Modelled, not built yet")
    assert MODELLED.keys() >= BUILT
    for word in MODELLED:
        assert (f"`{word}`" in listed) == (word not in BUILT), word


@at(MEMORY_PLACES)
def test_a_claim_of_many_jobs_does_what_the_model_does(store: Store) -> None:
    """Of jobs that fit and jobs that do not, and of entries that are passed over."""
    jobs, dice = Jobs(store, MODES["reliable"]), random.Random(SEED)
    kinds = [Entry(batches.SMALL), Entry(batches.LARGE), Entry(batches.SMALL, runs=False)]
    design = type("AsBuilt", (Batches,), {"passes": 1000})()
    for _ in range(WALKS * 2):
        lists = tuple(tuple(dice.choices(kinds, k=dice.randrange(4))) for _ in range(2))
        assert claim_of(jobs, batches.numbered(lists)) == design.claim(batches.numbered(lists))
    store.redis.flushall()


@at(MEMORY_PLACES)
@pytest.mark.parametrize(
    "mutant", [mutant for mutant in MUTANTS if has_real_steps(mutant)], ids=name
)
def test_the_scripts_part_from_every_mutant(store: Store, mutant: type[Mutant]) -> None:
    """Before a mutant is broken, or when it is, a real queue does something else."""
    tied = Tied(Jobs(store, MODES["reliable"]), mutant.limits)
    with pytest.raises(Apart):
        for step in check(mutant, mutant.limits).trace:
            tied.follow(step)
    store.redis.flushall()
