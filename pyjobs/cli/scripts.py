"""`pyjobs scripts`: the engine for programs without Python. Nothing else may live here."""

from __future__ import annotations

from pathlib import Path

import click

from pyjobs.admin import describe_script, find_script
from pyjobs.cli.common import connected, prefix_option, url_option
from pyjobs.cli.groups import Commands
from pyjobs.cli.output import print_table
from pyjobs.cli.output import show as echo
from pyjobs.engine import Keys, built_files, everything
from pyjobs.errors import BadArgument
from pyjobs.transport import load, publish

LISTED = {
    "Commands": {
        "load": "Load all scripts into Redis.",
        "show": "Show how to call a script from redis-cli.",
        "export": "Write the scripts to a directory.",
    }
}


@click.group(cls=Commands, listed=LISTED, invoke_without_command=True)
@click.pass_context
def scripts(context: click.Context) -> None:
    """List, load, show or export the Lua scripts.

    The scripts are the engine of pyjobs. Any language can call them by EVALSHA with the sha1 of a
    script, the keys of queues, and arguments. Without a command, the scripts are listed.
    """
    if context.invoked_subcommand is None:
        rows = [(one.name, str(one.version), one.sha1) for one in everything()]
        print_table(rows, "name", "version", "sha1")


@scripts.command("load")
@url_option
@prefix_option
def load_scripts(url: str, prefix: str) -> None:
    """Load all scripts into Redis.

    The sha1 of each script is written to the hash PREFIX:scripts under the field name@version, and
    its body to the hash PREFIX:bodies under its sha1, where programs of other languages find them.
    """
    keys = Keys(prefix)
    with connected(url) as server:
        number = load(server)
        publish(server, keys)
    echo(f"{number} scripts are loaded; the hash {keys.scripts} has their shas")


def complete_script(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the scripts that begin so, for a shell."""
    return sorted({one.name for one in everything() if one.name.startswith(incomplete)})


@scripts.command()
@click.argument("name", shell_complete=complete_script)
@prefix_option
def show(name: str, prefix: str) -> None:
    """Show how to call a script from redis-cli.

    NAME is such as reliable/submit, which is its newest version, or reliable/submit@1. `pyjobs
    scripts` lists the names.
    """
    found = describe_script(find_script(name), Keys(prefix))
    echo(f"{found.title}: {found.what}\n")
    echo(found.line)
    if found.sample:
        echo(f"such as\n{found.sample}")
    echo("")
    print_table(found.parameters, "", "name", "type", "bounds", "default", "what it is")
    echo(f"\nreturns  {found.returns}\n")
    print_table(found.values, "value", "type", "of Redis", "what it is")
    echo("")
    print_table(found.types, "type", "what it is")
    echo("")
    print_table(found.facts)


@scripts.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def export(folder: Path) -> None:
    """Write the scripts to a directory.

    Redis must get each script byte for byte, or its sha1 is another. manifest.json describes the
    scripts.
    """
    files = built_files()
    try:
        for file, data in files.items():
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    except OSError as error:
        raise BadArgument(f"DIR: {error}") from None
    echo(f"{len(files) - 1} scripts and manifest.json are in {folder}")
