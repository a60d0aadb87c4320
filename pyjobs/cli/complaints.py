"""How an error ends a command: one line on stderr, and an exit code.

Only the words of errors may live here; output.py writes them.
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

import click

from pyjobs.cli.output import drop_output, say
from pyjobs.errors import BadArgument, Forbidden, PyjobsError, Unavailable
from pyjobs.hints import OF_OPTIONS, OF_SUBMITS, OF_WORK

FAILED = 1
NOT_WRITTEN = errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF
# What an error of Redis or of a connection says, and what would mend it.
HINTS = {
    "Authentication required": "the URL has no password, as redis://:PASSWORD@HOST has",
    "invalid username-password": "the URL names both, as redis://USER:PASSWORD@HOST, or the "
    "password alone, as redis://:PASSWORD@HOST",
    "without any password configured": "this Redis wants no password: leave it out of the URL",
    "DB index is out of range": "the number behind the / is the database, from 0 on",
    **dict.fromkeys(
        ("Name or service not known", "failure in name resolution"),
        "no host of this name is known here",
    ),
    "unknown command 'SENTINEL'": "what answers there is no sentinel; the URL of a Redis "
    "begins with redis://",
    "cluster support disabled": "this Redis is no cluster; its URL begins with redis://",
    "Protocol error, got": "what answers there is no Redis",
}
# An option with such a word does not mean the option without it.
NEGATIONS = {"no", "not", "without", "skip", "disable"}
WHERE = "is Redis running there? --url or PYJOBS_URL says where it is"
# What a connection that is refused is called: in threads, in asyncio, and by a socket of a file.
REFUSED = "Connection refused", "Connect call failed", "No such file or directory"


def complain(error: click.ClickException | PyjobsError | OSError) -> int:
    """Print an error on stderr, in one line, and return the exit code.

    Args:
        error: an error of the words of a command, of this package, or of a write to stdout.
    """
    if isinstance(error, click.ClickException):
        say(complaint(error))
        return FAILED if isinstance(error, click.UsageError) else error.exit_code
    if not isinstance(error, PyjobsError):  # of which one is an OSError too
        if error.errno not in NOT_WRITTEN:
            raise error
        say(f"can't write to stdout: {error.strerror}")
        drop_output()
        return FAILED
    say(with_hint(error))
    return FAILED


def with_hint(error: PyjobsError) -> str:
    """Return the message of an error in one line, with what would mend it."""
    text = " ".join(str(error).splitlines())
    if isinstance(error, Unavailable) and any(words in text for words in REFUSED):
        hint = WHERE
    elif found := next((hint for words, hint in HINTS.items() if words in text), ""):
        hint = found
    elif isinstance(error, Forbidden):
        hint = "`pyjobs acl --help` says which rights a user needs"
    else:
        return text
    return f"{text.rstrip('.')}; {hint}"


def complaint(error: click.ClickException) -> str:
    """Return what is wrong with the words of a command, and what would be right."""
    usage = f"; usage: {usage_of(error.ctx)}" if isinstance(error, click.UsageError) else ""
    match error:
        case click.NoSuchOption():
            return f"there is no option {error.option_name}{option_hint(error)}"
        case click.MissingParameter(param=click.Parameter() as param):
            choices = param.type.get_missing_message(param=param, ctx=error.ctx)
            return f"{spelled(param)} is missing{f': {choices}' if choices else usage}"
        case click.BadParameter(param=click.Parameter() as param):
            return f"{spelled(param)}: {error.message.rstrip('.')}"
        case click.BadOptionUsage():
            return first_small(error.message)
        case click.UsageError(message=message) if "unexpected extra argument" in message:
            return f"{first_small(message)}{usage}"
        case click.UsageError():
            return error.message
    return error.format_message()


def option_hint(error: click.NoSuchOption) -> str:
    """Return what follows a message about an unknown option."""
    name, context = error.option_name, error.ctx
    if context is not None and context.info_name == "work" and name in OF_WORK:
        return f"; {OF_WORK[name]}"
    if context is not None and context.parent is None and name.startswith("--"):
        # Most words here are options of a command, of which click knows none yet.
        near = get_close_matches(name, error.possibilities or (), n=1, cutoff=0.8)
        behind = f" before the command; an option goes behind it, as in `pyjobs status {name}`"
        return f"; did you mean {near[0]}?" if near else behind
    found = context and option_meant(name, context)
    return f"; {found or f'{help_of(context)} lists them'}"


def option_meant(name: str, context: click.Context) -> str | None:
    """Return what to write in place of an option that a command does not have; None where nothing
    is near."""
    params, word = context.command.get_params(context), name.lstrip("-")
    for param in params:
        if isinstance(param, click.Argument):
            words = {param.name, *re.findall(r"[a-z]+", argument(param).lower())}
            if words & {word, word.removesuffix("s")}:
                return f"{argument(param)} stands without an option: {usage_of(context)}"
    if isinstance(context.command, click.Group) and context.command.get_command(context, word):
        return f"{word} is a command: `{context.command_path} {word}`"
    options = [one for one in params if isinstance(one, click.Option) and not one.hidden]
    for option in options:
        if isinstance(option.type, click.Choice) and word in option.type.choices:
            return f"did you mean {option.opts[0]} {word}?"
    known = [spelling for option in options for spelling in option.opts]
    if meant := next((one for one in OF_OPTIONS.get(name, ()) if one in known), None):
        return f"the word is {meant}"
    if context.info_name == "submit" and (hint := OF_SUBMITS.get(word.replace("-", "_"))):
        _, is_word, meant = hint.partition("the word is ")
        return f"the word is --{meant.replace('_', '-')}" if is_word else hint
    near = near_option(word, [one[2:] for one in known if one.startswith("--")])
    return near and f"did you mean --{near}?"


def near_option(word: str, known: Sequence[str]) -> str | None:
    """Return the option, without its dashes, that has all parts of a word or is a part of it, or is
    spelled nearly so."""
    parts = {*word.split("-")}
    if parts & NEGATIONS:
        return None
    for option in known:
        others = {*option.split("-")}
        if parts <= others or others <= parts:
            return option
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.75)), None)


def spelled(param: click.Parameter) -> str:
    """Return a parameter as a help shows it: `--delay`, `QUEUE`."""
    return param.opts[0] if isinstance(param, click.Option) else argument(param)


def argument(param: click.Parameter) -> str:
    """Return the name of an argument, without what a help says of its number and its choices."""
    shown = param.metavar or (param.name or "").upper()
    name = shown.removesuffix("...")
    return name[1:-1] if name[0] == "[" and name[-1] == "]" else name


def usage_of(context: click.Context | None) -> str:
    """Return how a command is called."""
    if context is None:
        return "pyjobs COMMAND"
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])


def help_of(context: click.Context | None) -> str:
    """Return the command that explains a command."""
    return f"`{'pyjobs' if context is None else context.command_path} --help`"


def first_small(message: str) -> str:
    """Return a message of click as a part of a sentence."""
    return message[:1].lower() + message[1:].rstrip(".")


@contextlib.contextmanager
def with_options(command: Callable[[], click.Command | None]) -> Iterator[None]:
    """Let an error about an argument name the option that gave it, as the option is spelled:
    `--max-attempts`, where the library says `max_attempts`.

    Args:
        command: returns the command that runs; asked when there is an error.

    Raises:
        BadArgument: what the block raises, with the option's name.
    """
    try:
        yield
    except BadArgument as error:
        name, colon, what = str(error).partition(": ")
        found = command()
        option = option_named(name, found) if colon and found is not None else None
        if option is None:
            raise
        raise BadArgument(f"{option}: {what}") from None


def option_named(name: str, command: click.Command) -> str | None:
    """Return the option that gives an argument of the library; None where it is no option's.

    A URL may come from the environment or from a program, so its error names no option.
    """
    for param in command.params:
        if isinstance(param, click.Option) and name not in ("url", "prefix"):
            option = param.opts[0] if param.opts[0].startswith("--") else param.opts[-1]
            if name in (param.name, option.lstrip("-")):
                return option
    return None
