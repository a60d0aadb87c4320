"""Tasks: functions with a name and a policy, whose arguments and results are converted by their
annotations.

`task` and `Task` are public. Other folders import from this file and not past it.
"""

from pyjobs.tasks.decorator import task
from pyjobs.tasks.function import Task

__all__ = ["Task", "task"]
