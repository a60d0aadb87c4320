"""The table in lua/README.md of which scripts each piece is part of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from lua_build.errors import BuildError
from lua_build.pieces import Piece

BEGIN = "<!-- pieces: scripts/build_lua.py --map writes this table -->"
END = "<!-- end of pieces -->"
MODES = ("simple", "recoverable", "reliable", "queue", "schedule")


def table(pieces: Iterable[Piece], scripts: Mapping[str, Iterable[str]]) -> str:
    """A row for each piece, and in a column for each mode the verbs that include it.

    Args:
        scripts: the paths of the pieces that a script includes, by the script's name.
    """
    rows = [["piece", "needs", *MODES], ["---"] * (len(MODES) + 2)]
    for piece in pieces:
        path = PurePosixPath(piece.path).relative_to("lib").with_suffix("")
        needs = dict.fromkeys(other for other, _ in piece.needs)
        users = [name for name, paths in sorted(scripts.items()) if piece.path in paths]
        verbs = [
            " ".join(name.removeprefix(mode) for name in users if name.startswith(mode))
            for mode in (f"{mode}/" for mode in MODES)
        ]
        rows.append([f"`{path}`", " ".join(needs), *verbs])
    return "\n".join(f"| {' | '.join(row)} |".replace("  |", " |") for row in rows)


def put(readme: str, new: str) -> str:
    """`readme` with the table between its marks.

    Raises:
        BuildError: the marks are not there.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BuildError(f"lua/README.md: lacks the marks '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"
