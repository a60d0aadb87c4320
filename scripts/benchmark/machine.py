"""Where it was measured: what a reader must know to judge the figures. Nothing is measured here."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pyjobs.testing import Binary

PACKAGES = ("redis", "hiredis", "uvloop", "orjson")


def describe(binary: Binary) -> dict[str, str]:
    """Date, machine, server, Python and the packages that matter for speed."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} cores ({processor()}), {memory()}, {system()}",
        "server": f"{binary.name.partition('-')[0].capitalize()} {release(binary)} on loopback",
        "python": f"Python {platform.python_version()}",
        "packages": ", ".join(found for name in PACKAGES if (found := installed(name))),
    }


def processor() -> str:
    """The model of the processor."""
    lines = read("/proc/cpuinfo").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def memory() -> str:
    """All memory."""
    for line in read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return f"{int(line.split()[1]) / 2**20:.0f} GiB"
    return "memory unknown"


def system() -> str:
    """The distribution, or what there is instead."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def release(binary: Binary) -> str:
    """The exact version of the server."""
    told = subprocess.run([binary.path, "--version"], capture_output=True, text=True, check=False)
    return next((word for word in told.stdout.split() if word.startswith("v=")), "v=?")[2:]


def installed(name: str) -> str:
    """A package with its version; empty when it is not here."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
