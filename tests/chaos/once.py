"""One run from its start to its report. Nothing else may live here."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from chaos.checker import SECONDS_OVER_LEASE, Report, check
from chaos.clock import Clock
from chaos.field import Field, Size
from chaos.log import read
from chaos.runs import Plan
from pyjobs.testing import Binary, Server


def once(
    plan: Plan, binary: Binary, size: Size, seed: int, *, over_lease: float = SECONDS_OVER_LEASE
) -> tuple[Report, Path]:
    """What came of a run, and its folder, which stays only when a promise was broken.

    Args:
        over_lease: seconds that the delivery may take beyond a lease.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{plan.name}-{seed}-"))
    clock = Clock(folder / "clock")
    environ = clock.environ() if plan.clock else None
    server_folder = folder / "server"
    with Server(binary, args=plan.args, directory=server_folder, environ=environ) as server:
        field = Field(
            server,
            folder,
            size,
            seed,
            clock=clock,
            kinds=plan.kinds(size),
            suicidal=plan.suicidal,
            max_crashes=plan.max_crashes,
            parts=plan.parts,
        )
        try:
            field.go(list(plan.faults(field)))
        finally:
            field.close()
    report = check(
        read(folder / "events"),
        lease=size.lease,
        over_lease=over_lease + plan.patience(size),
        crashless=plan.crashless,
    )
    if not report.broken:
        shutil.rmtree(folder)
    return report, folder
