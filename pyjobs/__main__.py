"""`python -m pyjobs`, which is the command `pyjobs`. Nothing else may live here."""

from pyjobs.cli import main

main()
