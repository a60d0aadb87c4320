"""How good the tests are: one change at a time in a rule, and whether a test notices.

    mutant       a change of one place, and the choice of a spread of them
    lua          the changes of a Lua source, by kinds
    python       the changes of a Python module, by kinds
    subjects     which files are changed, and which tests must notice
    trial        runs tests on a mutant in a process of its own
    lua_lane     one collected run of pytest, forked for each mutant of a script
    python_lane  a run of pytest for each mutant of a module
    equivalents  the mutants that change nothing that matters, and why: equivalents.toml

No file is written. A mutant lives in the memory of a forked process: in the bodies of the scripts
that the process sends, or in the modules that it imports.
"""
