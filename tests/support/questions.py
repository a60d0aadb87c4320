"""The questions of operators, as docs/operations.md lists them: each with commands and calls.

Reading the table, and filling in names, may live here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyjobs.admin import Admin, Exporter, Filter, Scraper

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
TABLE = PAGE.read_text().partition("| question | command |")[2].partition("\n\n")[0]
ROWS = [tuple(row.strip("| ").split(" | ")) for row in TABLE.splitlines() if row.count("`") > 2]
CODE = re.compile(r"`([^`]+)`")


def queue_for(text: str) -> str:
    """The queue that a question is about: one without jobs, where its mode is changed."""
    return "empty" if text.startswith(("pyjobs mode", "set_mode")) else "words"


def id_for(text: str, ids: Mapping[str, str]) -> str:
    """The job that a question is about, by a verb in it."""
    return next((id for verb, id in ids.items() if verb in text), "dead")


def commands(cell: str, ids: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """The commands of a row, as they stand there, and the words behind `pyjobs`."""
    program = ""
    for found in CODE.findall(cell):
        program = found if found.startswith("pyjobs") else f"{program.partition(' --')[0]} {found}"
        words = program.replace("QUEUE", queue_for(program)).replace(" ID...", " ID")
        words = words.replace("NAME", "report").replace("TO", "elsewhere")
        words = words.replace("ID", id_for(words, ids))
        if "--remove" in words:
            words += " --yes"
        yield program, shlex.split(words)[1:]


def names(call: str, admin: Admin, ids: Mapping[str, str]) -> dict[str, Any]:
    """What the names in a call of a row stand for."""
    methods = {name: getattr(admin, name) for name in dir(admin) if name[0] != "_"}
    return {
        **methods, "Filter": Filter, "Exporter": Exporter, "Scraper": Scraper,
        "queue": queue_for(call), "id": id_for(call, ids), "ids": [id_for(call, ids)],
        "to": "elsewhere", "name": "report",
    }  # fmt: skip
