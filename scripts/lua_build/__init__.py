"""How the Lua scripts of the package are made from their sources in lua/.

    compose    a source with the pieces that it includes
    names      what each name in it refers to
    prune      what it never uses, and the script without that
    scope      a name of its own for each variable
    inline     functions in the places that call them
    tidy       what that leaves to do
    lean       these three: a script as Redis runs it
    pieces     what each piece declares to need, and whether each script has it
    commands   the Redis commands that it calls
    bounds     whether the work of each has a bound
    manifest   how the package's manifest describes it
    reply      what it replies, as a schema
    build      all of these, for every source
    released   whether the result is what is checked in, and keeps what was released
    table      which script includes which piece, for lua/README.md
    lint       luacheck, over the composed scripts

Nothing that a user of the package runs may live here.
"""
