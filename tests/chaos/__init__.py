"""Chaos runs: real servers, real worker processes, faults, and a checker of what came of it.

    log.py       the events of a run, in a file that survives kill -9
    checker.py   what a log proves; pure
    worker.py    the worker's process
    field.py     the server, the workers and the client of one run, and the faults' handles
    runs.py      the runs: which faults strike when
    stalls.py    when the machine stood still
    once.py      one run from its start to its report
    __main__.py  the command, which prints the table

Nothing may live in this file.
"""
