"""`pyjobs tasks`: the tasks of a module, in a table or as JSON Schema.

Nothing else may live here.
"""

from __future__ import annotations

import click

from pyjobs.cli.output import print_table, show_json
from pyjobs.cli.work import complete_module, imported
from pyjobs.definition import collected
from pyjobs.engine import RELIABLE
from pyjobs.tasks import Task


@click.command()
@click.argument("module", shell_complete=complete_module)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the arguments of each task.")
def tasks(module: str, schema: bool) -> int:
    """List the tasks of the Python module MODULE.

    With --schema, one JSON object has the schema of the arguments of each task by its name, for
    programs in other languages that submit such jobs.
    """
    inside = collected([imported(module)], mode=RELIABLE.name).values()
    found = [one for one in inside if isinstance(one, Task)]
    if schema:
        show_json({one.name: one.schema() for one in found}, indent=2)
        return 0
    print_table(map(cells, found), "task", "queue", "arguments")
    return 0


def cells(task: Task[..., object]) -> list[str]:
    """Return the cells of a task in the table."""
    return [task.name, task.queue or "default", str(task.signature)]
