"""`Problem`: one thing that `Admin.doctor` finds wrong. Nothing else may live here."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


class Problem(NamedTuple):
    """Holds one thing that is wrong with a server or a queue.

    Attributes:
        level: 'error' when jobs are lost, refused or never run; 'warning' when they may be;
            'note' when something is worth a look, or could not be looked at.
        code: a word for programs, such as 'eviction'. docs/operations.md lists them.
        where: what has it: 'HOST:PORT' of a node, or 'queue NAME'.
        wrong: what is wrong.
        why: why it matters.
        mend: a line that mends it: a command, or a setting. '' when none does.
    """

    level: Level
    code: str
    where: str
    wrong: str
    why: str
    mend: str
