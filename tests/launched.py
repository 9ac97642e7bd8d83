"""Real processes for a test, each started with what a launcher tells it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

IMPORTED = [
    Path(__file__).parents[1] / "src",
    Path(__file__).parent,
    Path(__file__).parent / "unit" / "app",
]
"""Where grit, the tests' models and their rewards are found."""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(**more):
    paths = [*map(str, IMPORTED), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


def started(command, *, number=2, each=None, limits=None):
    """The same command as ``number`` processes of one run.

    Args:
        command: What follows ``python``.
        number: How many.
        each: Further environment of a process, by its number.
        limits: What to call in a process before it starts, by its number.
    """
    port = str(free_port())
    return [
        subprocess.Popen(
            [sys.executable, *map(str, command)],
            env=environment(
                RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(number),
                LOCAL_WORLD_SIZE=str(number), MASTER_ADDR="127.0.0.1", MASTER_PORT=port,
                **(each or {}).get(rank, {}),
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=(limits or {}).get(rank),
        )
        for rank in range(number)
    ]  # fmt: skip


def ended(processes, timeout=300):
    """Each one's exit code and what it said on stderr; one that hangs fails the test."""
    found = []
    try:
        for process in processes:
            _, said = process.communicate(timeout=timeout)
            found.append((process.returncode, said))
    finally:
        for process in processes:
            process.kill()
    return found
