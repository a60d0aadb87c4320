"""What pages name is there: files, links, commands, settings with their defaults, decisions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from support.pages import PAGES, ROOT, blocks, inline, prose

import pyjobs
import pyjobs.aio
from pyjobs.cli.app import app
from pyjobs.client.options import Options
from pyjobs.engine.scripts import everything
from pyjobs.errors import PyjobsError

PACKAGE = ROOT / "pyjobs"
SETTINGS = "docs/settings.md"
ARCHITECTURE = "docs/architecture.md"
DECISIONS = "docs/decisions.md"
WORKER = ["worker", "worker/claiming", "worker/running", "worker/liveness"]
LAYERS = ["", "engine", "transport", "client", *WORKER, "tasks", "admin", "cli", "testing"]


def sections(page: str, level: int) -> Iterator[tuple[str, str]]:
    """The headings of that level, each with what stands below it."""
    parts = re.split(rf"^{'#' * level} (.*)$", PAGES[page], flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def section(page: str, heading: str) -> str:
    """What stands below a heading of the second level."""
    return dict(sections(page, 2))[heading]


def first_cells(text: str) -> Iterator[tuple[str, str]]:
    """The first two cells of each row of the tables in a text, without headings."""
    for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        first, second, *_ = [cell.strip() for cell in row.split(" | ")]
        if first.startswith("`"):
            yield first, second


# --- links and files ---


def anchors(page: str) -> set[str]:
    """What a link may point at within a page, as hosting sites make it of headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_s_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        name = target.resolve().relative_to(ROOT).as_posix()
        if not target.exists() or (anchor and anchor not in anchors(name)):
            missing.append(link)
    assert not missing


def is_there(name: str) -> bool:
    """Whether a path of a page is in the project: as it stands, or in the package."""
    pattern = re.sub(r"<\w+>", "*", name)
    return any(any(place.glob(pattern)) for place in (ROOT, PACKAGE))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_s_paths_exist(page: str) -> None:
    # Layers end with a slash. Scripts are paths without their ending: reliable/claim.
    begins = "|".join(sorted({path.name for path in (*ROOT.iterdir(), *PACKAGE.iterdir())} - {""}))
    path = re.compile(rf"(?:{begins.replace('.', '[.]')})/[\w./<>-]*")
    scripts = {script.name for script in everything()}
    first_words = {text.split()[0] for text in inline(page)}
    found = {name for name in first_words if path.fullmatch(name)}
    generated = {"pyjobs/_lua/README.md"}  # the wheel's
    assert not {name for name in found - scripts - generated if not is_there(name)}


@pytest.mark.parametrize("folder", LAYERS)
def test_the_map_of_a_layer_names_each_of_its_files(folder: str) -> None:
    text = next(
        below
        for heading, below in sections(ARCHITECTURE, 3)
        if heading.endswith(f"`pyjobs/{folder}{'/' if folder else ''}`")
    )
    named = [cell.strip("`") for cell, _ in first_cells(text.partition("\n## ")[0])]
    there = {path.name for path in (PACKAGE / folder).glob("[!_]*.py")}
    assert len(named) == len(set(named))
    assert set(named) == there


@cache
def source() -> str:
    return "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_the_classes_that_a_page_names_exist(page: str) -> None:
    builtin = {"TimeoutError"}
    named = {name for name in inline(page) if re.fullmatch(r"[A-Z][a-z]+(?:[A-Z]?[a-z]+)*", name)}
    assert not {name for name in named - builtin if not re.search(rf"\b{name}\b", source())}


def test_the_protocol_names_every_script() -> None:
    table = re.search(r"^lua/\n(.*?)^  lib/", PAGES["lua/README.md"], re.DOTALL | re.MULTILINE)
    assert table is not None
    named = {
        f"{mode}/{verb}"
        for mode, verbs in re.findall(r"^  (\w+)/ +((?:[a-z]+ ?)+)", table[1], re.MULTILINE)
        for verb in verbs.split()
    }
    assert named == {script.name for script in everything()}


# --- commands ---


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_that_a_page_names_exist_with_their_options(page: str) -> None:
    for words in (line.split() for line in inline(page) if line.startswith("pyjobs ")):
        command: click.Command = app
        for word in words[1:]:
            if isinstance(command, click.Group) and re.fullmatch("[a-z][a-z-]*", word):
                found = command.get_command(click.Context(command), word)
                assert found is not None, " ".join(words)
                command = found
        options = {name for one in command.params for name in (*one.opts, "--help")}
        assert {word for word in words if word.startswith("-")} <= options, " ".join(words)


def test_ci_runs_the_tests_that_the_readme_names() -> None:
    assert "scripts/test" in PAGES["README.md"]
    assert "scripts/test" in (ROOT / ".ci" / "run").read_text()


# --- errors ---


def kinds(base: type[PyjobsError]) -> set[str]:
    """The names of the errors below one of them."""
    return {name for one in base.__subclasses__() for name in (one.__name__, *kinds(one))}


def test_the_guide_says_of_each_error_what_to_do() -> None:
    rows = section("docs/guide.md", "Errors")
    first = re.findall(r"^\| ([^|]+) \|[^|]+\|[^|]+\|$", rows, re.MULTILINE)
    named = [name for cell in first for name in re.findall(r"`(\w+)`", cell)]
    public = {name for name in kinds(PyjobsError) if hasattr(pyjobs, name)}
    assert len(named) == len({*named})
    assert {*named} == public | {"TimeoutError"}


# --- settings ---


def defaults(function: Callable[..., Any]) -> dict[str, str]:
    """A function's parameters that have a default, each with the default as Python writes it."""
    return {
        f"`{name}`": f"`{one.default!r}`"
        for name, one in inspect.signature(function).parameters.items()
        if one.default is not one.empty
    }


@pytest.mark.parametrize("client", [pyjobs.Client, pyjobs.aio.Client])
def test_the_table_of_the_client_has_each_setting_with_its_default(client: type) -> None:
    assert dict(first_cells(section(SETTINGS, "Client"))) == defaults(client)


def test_the_table_of_the_worker_has_each_setting_with_its_default() -> None:
    assert dict(first_cells(section(SETTINGS, "Worker"))) == defaults(pyjobs.Worker)


@pytest.mark.parametrize("client", [pyjobs.Client, pyjobs.aio.Client])
def test_the_table_of_submit_has_each_option_with_its_default(client: Any) -> None:
    # The options of `Options` are left to their defaults by None.
    options = {f"`{name}`": "`None`" for name in Options.__annotations__}
    table: dict[str, str] = {}
    for names, default in first_cells(section(SETTINGS, "Submit")):
        table |= dict.fromkeys(names.split(", "), default)
    assert table == defaults(client.submit) | options


# --- decisions ---


def test_decisions_stand_in_the_order_of_their_dates() -> None:
    dates = [heading[:11] for heading, _ in sections(DECISIONS, 2)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d:", date) for date in dates)
    assert dates == sorted(dates)


def test_a_decision_says_what_would_change_it() -> None:
    for heading, text in sections(DECISIONS, 2):
        assert re.search(r"^\*\*What would change our mind:\*\* \S", text, re.MULTILINE), heading


# --- the pages themselves ---


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 145


def test_the_readme_links_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/\w+\.md)\)", PAGES["README.md"]))
    assert linked == {page for page in PAGES if Path(page).parent.name == "docs"}


# --- programs ---

PROGRAMS = "docs/programs.md"


def lines_of(title: str) -> int:
    """How many lines that are not blank the program of this title has; it compiles."""
    [block] = [block for block in blocks(PROGRAMS) if block.title == f"# {title}"]
    compile(block.text, title, "exec")
    return sum(1 for line in block.text.splitlines() if line.strip())


@pytest.mark.parametrize(
    ("heading", "ours", "other", "queue"),
    [
        ("a web service", "shop.py", "shop_rq.py", "RQ"),
        ("mail from a web form", "mailer.py", "mailer_celery.py", "Celery"),
        ("a batch", "rows.py", "rows_celery.py", "Celery"),
    ],
)
def test_a_program_is_a_third_shorter_than_the_same_for_another_queue(
    heading: str, ours: str, other: str, queue: str
) -> None:
    assert 3 * lines_of(ours) <= 2 * lines_of(other)
    anchor = heading.replace(" ", "-")
    row = f"| [{heading}](#{anchor}) | {lines_of(ours)} | {lines_of(other)} ({queue}) |"
    assert row in PAGES[PROGRAMS]
