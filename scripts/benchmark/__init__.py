"""The benchmark: pyjobs, what limits it, and other queues, all behind one face on one server.

    case.py        what one measurement is of
    driver.py      the face: a client process and a worker process of one system
    tally.py       what such a process is told and tells
    own.py         pyjobs behind it, sync and asyncio
    bare.py        the floor behind it: the same scripts by redis-py alone
    peers/         other queues behind it, their versions, and how they are installed
    process.py     starting these processes and talking to them
    server.py      the server of one measurement, and what it counts
    calls.py       the verbs one after the other, and the floors of their script time
    measure.py     one measurement: enqueue and drain, round trips, idling, growth, scripts, limits
    workloads.py   which measurements make which rows
    comparison.py  which measurements make the table with the peers
    rounds.py      measuring everything in turns, several times
    report.py      tables, Markdown, JSON
    machine.py     where it ran
    __main__.py    the command

Nothing may live in this file.
"""
