"""A server with a million jobs, and the questions of operators: `scripts/million --help`."""
