"""Writes that are there whole or not at all: a temporary name, fsync, one rename."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

from grit.errors import CheckpointError, GritError, RunFolderError

__all__ = ["atomic_write_bytes", "atomic_write_text", "remove_leftovers", "write_directory"]

RESUME = "resume the run with --resume"
"""What to do after a run met a full disk."""

_LEFTOVER = ".tmp"
_DISPLACED = ".displaced"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# safetensors and torch raise errors of their own, which carry the system's words only as text.
_FULL_WORDS = ("No space left on device", "File too large", "Disk quota exceeded", "(os error 28)")


def atomic_write_text(path: Path, text: str) -> None:
    """Replace a file by UTF-8 text; a reader sees the old file or the new one, never a part.

    Raises:
        RunFolderError: If the disk is full; the old file is left as it was.
    """
    atomic_write_bytes(path, text.encode("utf-8"))


def atomic_write_bytes(path: Path, content: bytes) -> None:
    """Replace a file by bytes; a reader sees the old file or the new one, never a part.

    Raises:
        RunFolderError: If the disk is full; the old file is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _cleared_up(path, RunFolderError, what="file", fix=RESUME):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_LEFTOVER)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(_usual_mode())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def write_directory(
    path: Path,
    writer: Callable[[Path], None],
    *,
    replace: bool = False,
    what: str = "checkpoint",
    fix: str = RESUME,
) -> None:
    """Write a directory of files as one piece.

    ``writer`` fills an empty directory beside ``path``. Every file in it is then fsynced, and the
    directory takes its name. Whatever goes wrong before, nothing of it is left, and what stood at
    ``path`` stands there still.

    Args:
        path: The directory to be made.
        writer: Called once with the empty directory that it is to fill.
        replace: Whether a directory that stands at ``path`` may give way.
        what: What it is, for the error when the disk is full.
        fix: What to do then, once there is space.

    Raises:
        CheckpointError: If the disk is full, or ``path`` exists and may not be replaced.
    """
    if path.exists() and not replace:
        raise CheckpointError(
            f"{path} exists already and is not overwritten; move it away, or resume the run from it"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with _cleared_up(path, CheckpointError, what=what, fix=fix):
        temporary = Path(
            tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=_LEFTOVER)
        )
        try:
            temporary.chmod(_usual_mode() | 0o111)
            writer(temporary)
            _sync_tree(temporary)
            _take_the_name(temporary, path)
        finally:
            if temporary.exists():
                shutil.rmtree(temporary)
    _sync_directory(path.parent)


def remove_leftovers(parent: Path) -> list[Path]:
    """Remove what a killed process left half-written in a folder; finished files stay.

    A directory that was being replaced when the process died gets its name back.

    Returns:
        The paths that were removed.
    """
    removed: list[Path] = []
    for leftover in sorted(parent.glob(f".*{_LEFTOVER}")):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
        removed.append(leftover)
    for displaced in sorted(parent.glob(f".*{_DISPLACED}")):
        original = parent / displaced.name[1 : -len(_DISPLACED)]
        if not original.exists():
            displaced.rename(original)
        else:
            shutil.rmtree(displaced)
            removed.append(displaced)
    return removed


def _take_the_name(temporary: Path, path: Path) -> None:
    """Rename; a directory in the way steps aside first: a rename replaces no full directory."""
    if not path.exists():
        temporary.rename(path)
        return
    displaced = path.parent / f".{path.name}{_DISPLACED}"
    if displaced.exists():
        shutil.rmtree(displaced)
    path.rename(displaced)
    try:
        temporary.rename(path)
    except OSError:
        displaced.rename(path)
        raise
    shutil.rmtree(displaced)


@contextlib.contextmanager
def _cleared_up(path: Path, kind: type[GritError], *, what: str, fix: str) -> Generator[None]:
    """Say "the disk is full" in our words, whatever library met it; pass all else on.

    The temporary is gone by the time the free space is measured, so the message is about the disk
    that the user will find.
    """
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        if not _says_disk_full(error):
            raise
        failure = error
    if failure is not None:
        free = shutil.disk_usage(path.parent).free
        raise kind(
            f"cannot write the {what} {path}: {_first_line(failure)} ({free / 2**20:,.0f} MiB free "
            f"on that disk). What was there before is untouched. Free some space (older "
            f"checkpoints are the largest files of a run) or lift the quota, then {fix}"
        ) from failure


def _says_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    if isinstance(error, GritError):
        return False
    return any(words in str(error) for words in _FULL_WORDS)


def _first_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _usual_mode() -> int:
    """Permissions of a plain new file: mkstemp's 0600 would hide a report from its readers."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_tree(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            with (Path(folder) / name).open("rb") as stream:
                os.fsync(stream.fileno())
        _sync_directory(Path(folder))


def _sync_directory(folder: Path) -> None:
    """Make a rename last through a power cut; filesystems that cannot do it are let be."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
