"""Commands that have commands below them: how these are listed, found and imported.

A command is imported when it runs, because the imports take longer than most commands do. So the
list of commands has the sentence of each beside its name. No command of its own may live here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from pyjobs.cli.complaints import with_options
from pyjobs.hints import OF_COMMANDS, nearest

Listed = Mapping[str, Mapping[str, str]]


class Commands(click.Group):
    """Lists commands under headings, and imports one when it is asked for.

    Args:
        listed: the heading of some commands, then the names of these commands, each with its
            sentence. Command `run-now` is the function `run_now` of `pyjobs/cli/run_now.py`.
    """

    def __init__(self, *args: Any, listed: Listed, **options: Any) -> None:
        super().__init__(*args, **options)
        self.listed = listed

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        return [name for commands in self.listed.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, which is imported now; None when there is none of this name."""
        if (own := self.commands.get(cmd_name)) is not None:
            return own
        if not any(cmd_name in commands for commands in self.listed.values()):
            return None
        name = cmd_name.replace("-", "_")
        found: click.Command = getattr(importlib.import_module(f"pyjobs.cli.{name}"), name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names.

        Raises:
            UsageError: there is none; the message has the name that is nearest.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            raise click.UsageError(unknown(name, self.list_commands(ctx), ctx), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error about an option names the option as it is spelled."""
        with with_options(lambda: self.get_command(ctx, ctx.invoked_subcommand or "")):
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands into the help, under their headings."""
        width = max(map(len, self.list_commands(ctx)))
        for heading, commands in self.listed.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), what) for name, what in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin so; no command is imported."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=what)
            for commands in self.listed.values()
            for name, what in commands.items()
            if name.startswith(incomplete)
        ]


def unknown(name: str, known: list[str], ctx: click.Context) -> str:
    """Return what is wrong with the name of a command."""
    usual = OF_COMMANDS.get(name)
    if usual in known:
        return f"there is no command {name!r}; the word is {usual}"
    hint = nearest(name, known) or f"; `{ctx.command_path} --help` lists them"
    return f"there is no command {name!r}{hint}"
