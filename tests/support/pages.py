"""The pages of the project and the blocks of code on them. Reading pages may live here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "lua" / "README.md",
        ROOT / "lua" / "conformance" / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "docs" / "clients" / "README.md",
        ROOT / "docs" / "deploy" / "README.md",
    ]
}
FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A block of code.

    Attributes:
        page: the page's path.
        language: the word after the fence.
        text: its lines.
    """

    page: str
    language: str
    text: str

    @property
    def title(self) -> str:
        """Its first line, which names it."""
        return self.text.partition("\n")[0].partition("  #")[0].rstrip()


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    for found in FENCED.finditer(PAGES[page]):
        yield Block(page, found["language"], found["text"])


def prose(page: str) -> str:
    """A page without its blocks."""
    return FENCED.sub("", PAGES[page])


def inline(page: str) -> list[str]:
    """What stands between backticks in the sentences of a page."""
    return re.findall(r"`([^`\n]+)`", prose(page))
