"""An exhaustive checker of a small model of reliable mode, with the standard library only.

    engine.py    the scripts, step by step as in `lua/`, on an immutable state
    world.py     who calls them, and what may go wrong: every next step of a state
    rules.py     what must be true of each state and of each step
    explore.py   all states, breadth first; the shortest trace to one that breaks a rule
    mutants.py   designs with a known fault, which the checker must catch
    batches.py   a model of its own: claims of many jobs, bounded in bytes, with its mutants
    counters.py  a model of its own: what calls count by minute and task, with its mutants
    listeners.py a model of its own: who hears of the end of a job, with its mutants
    repairs.py   a model of its own: a queue whose keys have parted is mended, with its mutants
    sizes.py     how far it goes
    tied.py      the same steps on real scripts, which must do the same
    __main__.py  `python -m tests.modelcheck [--large] [--mutants]`

One producer for each job repeats its submit until it is answered. Two workers claim, run, and
complete, fail, release or extend, one job at a time, whose task they may not know; two reapers
reap. At any point a worker may be killed (another starts in its place), a reply may get lost (the
call is repeated as it was), a copy of a call may arrive much later, a lease or a delay may be over,
and the power may fail: the server goes back to a state that it was in before, its token counter
too, while nonces never repeat.

An absence is what keeps living workers from extending: Redis is away or refuses writes, or its
clock steps. Afterwards all leases are over, or end in an hour, and the stamp of the latest call is
old or in the future. The rule: no crash is counted for a job whose lease ran before and whose
worker lived through the absence. What is assumed of time:

- Once Redis answers, each living worker extends within a third of a lease, or releases what it gave
  up. So a grace ends, and a lease that was given since ends, only after they have.
- A worker that has not extended when a grace begins, and is then kept from it by another absence,
  is not waited for: Redis answered for less than a third of a lease, which looks like a cron whose
  reaps are a long time apart.
- A worker that was late before the absence has lost its lease.
- A worker does not die between a loss of the in-flight set and its next heartbeat: no call of a
  worker or a reaper finds the job that it leaves.
- A power cut takes back what was extended. No worker is waited for after it.

What the model leaves out, and why that is safe to leave out:

- Time is only its order. A lease and a delay run or are over; they are over at any moment, so
  everything that a late heartbeat or a slow handler can cause is there. Deadlines themselves are
  tested against the scripts.
- Jobs may begin as suspects, with crashes behind them: how they came to that is explored apart.
- A claim has a limit of one and one queue; batches.py has the other claims. A reap takes all. Redis
  runs a script whole: one step.
- A request that never arrives changes nothing, so only lost replies and late copies are steps.
- The record of a claim is dropped when nobody can send that nonce again.
- No payloads, messages, wake keys, unique keys, `expires`, retention, snooze, reject or requeue:
  none of them says who holds a job. They have tests of their own.
- A worker starts anew at once. How long delivery takes is not a question to this model.

Going back to any earlier state stands for `appendfsync everysec` and worse; with `always` fewer
states can be gone back to. An acknowledged submit may then be gone, and only then.

Liveness is checked as: from every state there is a way, with no further fault, to a state in which
every job has ended (AG EF finished). Something that can always still happen and is tried again and
again does happen; no more is claimed.

Modelled, not built yet: no script has these. tied.py leaves each out until its word is added to
BUILT there.


- `listeners`: queue/watch, and a submit of a live job as one. No walk follows that model yet.
"""
