"""Ids and nonces: never used twice, no option of a command line, not guessed from one another."""

from __future__ import annotations

import os

import pytest

from pyjobs import ids

SOURCES = 1000


def test_names_of_a_thousand_sources_begin_with_a_letter_or_digit_and_differ() -> None:
    names = [ids.IdSource().new() for _ in range(SOURCES)]
    names += [ids.unguessable() for _ in range(SOURCES)]
    assert len(set(names)) == 2 * SOURCES
    assert all(name.isascii() and name[0].isalnum() for name in names)
    assert {len(name) for name in names[SOURCES:]} == {16}


def test_ids_share_no_random_part_with_nonces() -> None:
    bases = [make().partition(".")[0] for make in (ids.new_id, ids.new_nonce)]
    assert len(set(bases)) == 2
    assert ids.new_ids(1)[0].partition(".")[0] == bases[0]


@pytest.mark.parametrize("make", [ids.new_id, ids.new_nonce])
def test_a_forked_child_makes_names_of_another_random_part(make: object) -> None:
    assert callable(make)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, make().encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert told.partition(".")[0] != make().partition(".")[0]
