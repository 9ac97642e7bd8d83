"""What a run was made of: versions, machine, seeds, model, data. Written once, at the start."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from pydantic import Field

from grit.records.rows import Closed, Row

__all__ = [
    "DataFile",
    "Hardware",
    "Manifest",
    "ModelFiles",
    "command_line",
    "describe_hardware",
    "git_commit",
    "hash_file",
    "hash_folder",
    "hash_text",
    "installed_versions",
    "now",
]

RECORDED_PACKAGES = (
    "grit-vlm", "torch", "transformers", "accelerate", "peft", "safetensors", "vllm", "numpy",
    "Pillow", "pydantic",
)  # fmt: skip


class Hardware(Closed):
    """The machine that ran it."""

    cpu: str
    num_cores: int
    """Cores that the process may use."""
    memory_gib: float | None = None
    gpus: tuple[str, ...] = ()


class DataFile(Closed):
    """One file of samples."""

    path: str
    sha256: str
    num_rows: int
    use: str = "train"
    """``train``, ``validation``, ``evaluation``."""


class ModelFiles(Closed):
    """The model that training started from."""

    path: str
    """Folder, or hub name with revision."""
    sha256: str | None = None
    """``hash_folder`` of its weights and tokenizer; None for a model that lives elsewhere."""
    family: str | None = None


class Manifest(Row):
    """``manifest.json``: enough to say whether two runs can be compared."""

    grit_version: str
    created: str
    """ISO 8601, UTC."""
    command: str
    """The command line, quoted for a shell."""
    seeds: dict[str, int] = Field(default_factory=dict[str, int])
    versions: dict[str, str] = Field(default_factory=dict[str, str])
    hardware: Hardware
    num_processes: int = 1
    """Processes that the run was started with; it may have been resumed with others."""
    platform: str = ""
    git_commit: str | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    image_backend: str | None = None
    """What resizes pictures: ``pil`` or ``torchvision``; the two differ in the last bits."""
    model: ModelFiles | None = None
    data: tuple[DataFile, ...] = ()
    recipe_sha256: str
    presets: tuple[str, ...] = ()
    """Names of the recipe's presets, such as the reward's ``paper``."""
    training_tasks: tuple[str, ...] = ()
    notes: dict[str, str] = Field(default_factory=dict[str, str])


def now() -> str:
    """The present time as the manifest writes it, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def command_line(arguments: Sequence[str] | None = None) -> str:
    """The present command, quoted for a shell.

    Args:
        arguments: What followed ``grit``; the process's own when None.
    """
    return shlex.join(["grit", *(sys.argv[1:] if arguments is None else arguments)])


def installed_versions(packages: Iterable[str] = RECORDED_PACKAGES) -> dict[str, str]:
    """Versions of Python and of the packages that are installed; imports none of them."""
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe_hardware(gpus: Sequence[str] = ()) -> Hardware:
    """The present machine; names of GPUs come from the caller, who has torch."""
    return Hardware(
        cpu=_cpu_name(),
        num_cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else (os.cpu_count() or 1),
        memory_gib=_memory_gib(),
        gpus=tuple(gpus),
    )


def git_commit(folder: Path) -> str | None:
    """Commit of the working tree that a folder lies in, with ``+changes`` when it is not clean.

    None where there is no repository, no commit, or no git.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changes else commit


def hash_text(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_folder(folder: Path) -> str:
    """SHA-256 over names and contents of the visible files of a folder, in order of name."""
    whole = hashlib.sha256()
    files = (path for path in folder.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        whole.update(f"{name.as_posix()}\0{hash_file(path)}\n".encode())
    return whole.hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    return round(total / 2**30, 1)
