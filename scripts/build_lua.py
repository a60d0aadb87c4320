"""Builds the Lua scripts that the package carries.

    build_lua.py            write pyjobs/_lua/ from lua/
    build_lua.py --check    fail when that is stale, or when a released script moved or is gone
    build_lua.py --map      write the table of pieces into lua/README.md
    build_lua.py --lint     run luacheck over the scripts, as they are before comments are stripped
    build_lua.py --release  pin the scripts that are built now in lua/released.txt, for ever

The command line may live here; what it does lives in lua_build.
"""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

import jinja2
from lua_build.build import build, scripts
from lua_build.errors import BuildError
from lua_build.lint import lint
from lua_build.released import problems, release, write
from lua_build.table import put, table

ROOT = Path(__file__).resolve().parent.parent


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail when the build is stale")
    parser.add_argument("--map", action="store_true", help="write the table of pieces")
    parser.add_argument("--lint", action="store_true", help="run luacheck, and nothing else")
    parser.add_argument("--release", action="store_true", help="pin what is built now, for ever")
    chosen = parser.parse_args(argv)
    lua, out, released = root / "lua", root / "pyjobs" / "_lua", root / "lua" / "released.txt"
    readme = lua / "README.md"
    try:
        pieces, made = scripts(lua)
        files = build(lua, made, out, released)
        mapped = table(pieces.values(), {one.name: one.pieces for one in made})
        new_readme = put(readme.read_text(), mapped)
        if chosen.lint:
            return report(lint(root, {one.composed.path: (one.composed, one.text) for one in made}))
    except (BuildError, jinja2.TemplateError) as error:
        return report([str(error)])
    except FileNotFoundError as error:
        if error.filename != "luacheck":
            raise
        return report(["luacheck is not installed (Debian: apt install lua-check)"])
    if chosen.map:
        readme.write_text(new_readme)
    if not chosen.check:
        write(files, out)
    found = problems(files, out, released)
    if chosen.check and readme.read_text() != new_readme:
        found.append("the table in lua/README.md is stale: run scripts/build_lua.py --map")
    report(found)
    if chosen.release and not found:
        release(files, released)
    return 1 if found else 0


def report(found: list[str]) -> int:
    for line in found:
        print(f"build_lua: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    # The syntax trees are a million objects that stay to the end, and a search for garbage among
    # them takes half of the time.
    gc.disable()
    sys.exit(main())
