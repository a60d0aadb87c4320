"""`pyjobs scripts`: the engine for those who call it without Python. Nothing else may live here."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import resources
from pathlib import Path

import click

from pyjobs.admin import facts, line, places, sample, types
from pyjobs.cli.common import connected, prefix_option, print_table, url_option
from pyjobs.engine import Keys, Script, everything, script
from pyjobs.errors import BadArgument
from pyjobs.transport import load, publish


@click.group(invoke_without_command=True)
@click.pass_context
def scripts(context: click.Context) -> None:
    """List, load, show or export the scripts.

    They are the engine, and any language can call them: EVALSHA with a sha, queues and arguments.
    """
    if context.invoked_subcommand is None:
        rows = [(one.name, str(one.version), one.sha1) for one in everything()]
        print_table(rows, "name", "version", "sha1")


@scripts.command("load")
@url_option
@prefix_option
def load_them(url: str, prefix: str) -> None:
    """Load all scripts into Redis.

    Their shas are written to the hash PREFIX:scripts, each under name@version.
    """
    keys = Keys(prefix)
    with connected(url) as server:
        number = load(server)
        publish(server, keys)
    click.echo(f"{number} scripts are loaded; the hash {keys.scripts} has their shas")


@scripts.command()
@click.argument("name")
@prefix_option
def show(name: str, prefix: str) -> None:
    """Show how to call a script.

    NAME is such as reliable/submit, which is its newest version, or reliable/submit@1.
    """
    found = named(name)
    keys = Keys(prefix)
    click.echo(f"{found.title}: {found.about['what']}\n")
    click.echo(line(found, keys))
    if example := sample(found, keys):
        click.echo(f"such as\n{example}")
    click.echo()
    print_table(places(found, keys), "", "name", "type", "default", "what it is")
    click.echo()
    print_table(types(found), "type", "what it is")
    click.echo()
    print_table(facts(found))


def named(name: str) -> Script:
    """The script of this name or name@version.

    Raises:
        BadArgument: there is none.
    """
    titles = {one.title: one for one in everything()}
    names = {one.name: script(one.name) for one in everything()}
    if found := titles.get(name) or names.get(name):
        return found
    near = get_close_matches(name, [*names, *titles], n=1)
    hint = f"did you mean {near[0]}?" if near else "`pyjobs scripts` lists them"
    raise BadArgument(f"there is no script {name!r}; {hint}")


@scripts.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def export(folder: Path) -> None:
    """Write the scripts to a directory.

    They are what Redis must get, byte for byte; manifest.json describes them.
    """
    built = resources.files("pyjobs") / "_lua"
    files = [*[one.about["file"] for one in everything()], "manifest.json"]
    try:
        for file in files:
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((built / file).read_bytes())
    except OSError as error:
        raise BadArgument(f"DIR: {error}") from None
    click.echo(f"{len(files) - 1} scripts and manifest.json are in {folder}")
