"""An exhaustive checker of a small model of reliable mode, with the standard library only.

    engine.py    the scripts, step by step as in `lua/`, on an immutable state
    world.py     who calls them, and what may go wrong: every next step of a state
    rules.py     what must be true of each state and of each step
    explore.py   all states, breadth first; the shortest trace to one that breaks a rule
    mutants.py   designs with a known fault, which the checker must catch
    sizes.py     how far it goes
    tied.py      the same steps on real scripts, which must do the same
    __main__.py  `python -m tests.modelcheck [--large] [--mutants]`

One producer for each job repeats its submit until it is answered. Two workers claim, run, and
complete, fail, release or extend, one job at a time; two reapers reap. At any point a worker may
be killed (another starts in its place), a reply may get lost (the call is repeated as it was), a
copy of a call may arrive much later, a lease or a delay may be over, and the power may fail: the
server goes back to a state that it was in before, its token counter too, while nonces never repeat.

What the model leaves out, and why that is safe to leave out:

- Time is only its order. A lease and a delay run or are over; they are over at any moment, so
  everything that a late heartbeat or a slow handler can cause is there. Deadlines themselves are
  tested against the scripts.
- Jobs may begin as suspects, with crashes behind them: how they came to that is explored apart.
- A claim has a limit of one and one queue; a reap takes all. Redis runs a script whole: one step.
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
"""
