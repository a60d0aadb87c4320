"""`pyjobs acl`: the access rules that a user of Redis needs. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import prefix_option
from pyjobs.engine import MODES, ROLES, Keys, rules_of
from pyjobs.validate import checked


@click.command()
@click.argument("role", type=click.Choice(list(ROLES)))
@click.argument("queues", metavar="[QUEUE]...", nargs=-1)
@click.option(
    "--mode",
    type=click.Choice(list(MODES)),
    default="reliable",
    show_default=True,
    help="The queues' mode.",
)
@click.option("--user", help="The user's name.  [default: ROLE]")
@prefix_option
def acl(role: str, queues: tuple[str, ...], mode: str, user: str | None, prefix: str) -> None:
    """Print the ACL line of a role.

    It is for redis-cli, and gives a user of Redis the rights of that role and no more. A producer
    submits jobs, cancels them and reads results. A worker runs them. An operator reaps, lists,
    requeues and cancels. Without QUEUE it is for all queues of the prefix.

    \b
        pyjobs acl worker words

    Put a password in the place of PASSWORD. Nothing is sent to Redis.
    """
    quoted = [f"'{rule}'" if rule[0] in "~&" or "|" in rule else rule
              for rule in rules_of(role, mode, Keys(prefix), queues)]  # fmt: skip
    name = checked("user", user or role)
    click.echo(" ".join(["ACL SETUSER", name, "reset on '>PASSWORD'", *quoted]))
