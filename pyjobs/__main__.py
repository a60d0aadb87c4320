"""`python -m pyjobs`, which is the command `pyjobs`. Nothing else may live here."""

from pyjobs_command import main

main()
