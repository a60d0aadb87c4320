"""Installs the peers, each in an environment of its own under .peers. Only that may live here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.peers.known import Peer
from benchmark.process import System

HOME = Path(__file__).resolve().parents[3] / ".peers"
INSTALL_SECONDS = 600
DRIVERS = Path(__file__).resolve().parent


class NotInstalled(Exception):
    """A peer can't be measured here; the message says why."""


def installed(peer: Peer, said: Callable[[str], None]) -> System:
    """A peer as a system to measure, installed if it is not yet, or was with other versions.

    Raises:
        NotInstalled: that did not work.
    """
    folder = HOME / peer.key
    stamp, wanted = folder / "stamp.json", json.dumps(peer.packages)
    if not stamp.exists() or stamp.read_text() != wanted:
        said(peer.name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (_node if peer.node else _python)(folder, peer.packages)
        stamp.write_text(wanted)
    if peer.node:
        where = (("BENCH_MODULES", str(folder)), ("NODE_ENV", "production"))
        return System(peer.name, (_program("node"), str(DRIVERS / f"{peer.key}.mjs")), where)
    python = str(folder / "bin" / "python")
    return System(peer.name, (python, "-m", f"benchmark.peers.{peer.key}"))


def _python(folder: Path, packages: Sequence[str]) -> None:
    try:
        venv.create(folder, with_pip=True)
    except subprocess.CalledProcessError as error:
        raise NotInstalled(f"no virtual environment: {error}") from None
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
    _run([*pip, "--disable-pip-version-check", *packages], folder)


def _node(folder: Path, packages: Sequence[str]) -> None:
    npm = _program("npm")
    (folder / "package.json").write_text('{"private": true}')
    _run([npm, "install", "--silent", "--no-audit", "--no-fund", *packages], folder)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NotInstalled(f"no {name} on PATH")
    return found


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        words = error.stderr.strip().splitlines() or [f"status {error.returncode}"]
        raise NotInstalled(f"{Path(command[0]).name}: {words[-1]}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from None
