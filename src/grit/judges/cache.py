"""Replies that were paid for, in one SQLite file that several processes and runs share.

One row a reply, found by a hash of all that it depends on (``ChatQuestion.key``). The file is in
WAL mode: a reply that was written is there after a kill. A file that is torn, or somebody else's,
is refused and left as it was.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from grit.errors import JudgeError

__all__ = ["CachedReply", "ReplyCache", "read_only"]

APPLICATION = 0x47524954
"""``GRIT`` in ASCII, where SQLite keeps an application's number."""
VERSION = 1

_COLUMNS = (
    "key", "created", "server", "model", "prompt", "question", "reference", "prediction",
    "parameters", "pictures", "reply", "way", "finish", "score", "input_tokens", "output_tokens",
)  # fmt: skip
_TABLE = """
CREATE TABLE replies (
    key TEXT PRIMARY KEY, created TEXT NOT NULL, server TEXT NOT NULL, model TEXT NOT NULL,
    prompt TEXT NOT NULL, question TEXT NOT NULL, reference TEXT NOT NULL,
    prediction TEXT NOT NULL, parameters TEXT NOT NULL, pictures TEXT NOT NULL,
    reply TEXT NOT NULL, way TEXT NOT NULL, finish TEXT NOT NULL, score REAL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""
_HEADER = 100
_PATIENCE = 60.0
_AT_ONCE = 500
_PROBE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class CachedReply:
    """One row of the cache.

    Args:
        key: See ``ChatQuestion.key``.
        created: ISO 8601, UTC.
        server: Address of the server.
        model: Name of the model there.
        prompt: Name and version of the prompt.
        question: What the policy was asked.
        reference: The true answer.
        prediction: The predicted answer.
        parameters: Temperature and the like, as JSON.
        pictures: Hashes of the pictures, as JSON.
        reply: The model's words.
        way: What was asked of the server: ``schema``, ``json`` or ``text``.
        finish: Why the reply ended.
        score: What was read in it; None where nothing could be.
        input_tokens: Read by the model.
        output_tokens: Written by it.
    """

    key: str
    created: str
    server: str
    model: str
    prompt: str
    question: str
    reference: str
    prediction: str
    parameters: str
    pictures: str
    reply: str
    way: str
    finish: str
    score: float | None
    input_tokens: int
    output_tokens: int


class ReplyCache:
    """An open cache. Use it in a ``with`` block, in one thread at a time.

    Args:
        path: The file; made where there is none.

    Raises:
        JudgeError: If the file is torn, foreign or cannot be written to; it is left as it was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()
        _make(self.path)
        _refuse_foreign(self.path)
        self._connection = _connect(self.path, "rw")
        with _explained(self.path, self._connection):
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._refuse_full_disk()

    def __enter__(self) -> ReplyCache:
        """Give back the open cache."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; what was put is in it."""
        self._connection.close()

    def get(self, keys: Sequence[str]) -> dict[str, CachedReply]:
        """The rows of those keys that are there."""
        found: dict[str, CachedReply] = {}
        with _explained(self.path):
            for first in range(0, len(keys), _AT_ONCE):
                part = keys[first : first + _AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = self._connection.execute(
                    f"SELECT {', '.join(_COLUMNS)} FROM replies WHERE key IN ({marks})", part
                )
                found.update((row[0], CachedReply(*row)) for row in rows)
        return found

    def put(self, reply: CachedReply) -> None:
        """Keep a reply; one that is there already stays (another process was quicker)."""
        values = tuple(getattr(reply, name) for name in _COLUMNS)
        marks = ",".join("?" * len(_COLUMNS))
        with _explained(self.path):
            self._connection.execute(f"INSERT OR IGNORE INTO replies VALUES ({marks})", values)

    def rows(self) -> Iterator[CachedReply]:
        """Every row, the oldest first."""
        yield from _rows(self._connection, self.path)

    def prune(
        self, *, model: str | None = None, before: str | None = None, unreadable: bool = False
    ) -> int:
        """Remove the rows that all of the given conditions hold for.

        Args:
            model: Rows of this model.
            before: Rows made before this time (ISO 8601).
            unreadable: Rows without a score.

        Returns:
            How many went.
        """
        conditions = ["1"]
        values: list[str] = []
        if model is not None:
            conditions.append("model = ?")
            values.append(model)
        if before is not None:
            conditions.append("created < ?")
            values.append(before)
        if unreadable:
            conditions.append("score IS NULL")
        with _explained(self.path):
            done = self._connection.execute(
                f"DELETE FROM replies WHERE {' AND '.join(conditions)}", values
            )
            number = done.rowcount
            self._connection.execute("VACUUM")
        return number

    def _refuse_full_disk(self) -> None:
        """Write a large row and take it back: a full disk is met now and not at step 50."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            row = ("probe", *[""] * 9, "x" * _PROBE_BYTES, "", "", None, 0, 0)
            marks = ",".join("?" * len(_COLUMNS))
            self._connection.execute(f"INSERT OR REPLACE INTO replies VALUES ({marks})", row)
            # Pages reach the disk when they leave SQLite's memory.
            self._connection.execute("COMMIT")
            self._connection.execute("DELETE FROM replies WHERE key = 'probe'")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


@contextmanager
def read_only(path: Path) -> Generator[Iterator[CachedReply]]:
    """Open a cache to look at it alone, and give its rows, the oldest first.

    Raises:
        JudgeError: If there is none, or it is torn or foreign.
    """
    path = path.expanduser()
    if not path.exists():
        raise JudgeError(
            f"there is no cache at {path}; it is made by the first run with a chat judge, or "
            "stands elsewhere: give the file that judge.cache names"
        )
    _refuse_foreign(path)
    with closing(_connect(path, "ro")) as connection:
        yield _rows(connection, path)


def _rows(connection: sqlite3.Connection, path: Path) -> Iterator[CachedReply]:
    with _explained(path):
        for row in connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM replies WHERE key != 'probe' ORDER BY created, key"
        ):
            yield CachedReply(*row)


def _make(path: Path) -> None:
    """Make an empty cache, whole, under its name; one that is there already stays."""
    if path.exists() and path.stat().st_size > 0:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute(_TABLE)
            connection.execute("PRAGMA journal_mode = WAL")
        if path.exists():
            if path.stat().st_size == 0:  # an empty file, as mktemp makes one, holds nothing
                temporary.replace(path)
        else:
            os.link(temporary, path)  # fails where another process was quicker
    except FileExistsError:
        pass
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, str(error)) from error
    finally:
        for leftover in (temporary, *(Path(f"{name}{end}") for end in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)


def _refuse_foreign(path: Path) -> None:
    """Look at the file's first bytes, without SQLite, which might write to it; then read it all."""
    try:
        with path.open("rb") as stream:
            header = stream.read(_HEADER)
            size = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    if not header.startswith(b"SQLite format 3\0"[: len(header)]):
        raise JudgeError(
            f"{path} is no cache of grit and is left as it is: it is no SQLite file; give another "
            "file with judge.cache"
        )
    if len(header) < _HEADER:
        raise _torn(path, f"it ends after {size} bytes")
    (application,) = struct.unpack(">I", header[68:72])
    (version,) = struct.unpack(">I", header[60:64])
    if application != APPLICATION:
        raise JudgeError(
            f"{path} is no cache of grit and is left as it is: it is another program's SQLite "
            "file; give another file with judge.cache"
        )
    if version != VERSION:
        raise JudgeError(
            f"{path} is a cache of version {version}, and this grit reads version {VERSION}; it is "
            "left as it is: give another file with judge.cache"
        )
    page = struct.unpack(">H", header[16:18])[0]
    page = 65536 if page == 1 else page
    (pages,) = struct.unpack(">I", header[28:32])
    # Pages that are in the write-ahead log alone are not counted in the header yet.
    if page == 0 or pages * page > size:
        raise _torn(path, f"it has {size} of {pages * page} bytes")
    try:
        with closing(_connect(path, "ro")) as connection:
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        raise _unusable(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise _torn(path, str(error)) from error
    if said != "ok":
        raise _torn(path, str(said).splitlines()[0])


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from error


@contextmanager
def _explained(path: Path, opened: sqlite3.Connection | None = None) -> Generator[None]:
    """Say in our words what SQLite met; a connection that was just opened is closed then."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if opened is not None:
            opened.close()
        raise _unusable(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        if opened is not None:
            opened.close()
        raise _torn(path, str(error)) from error


def _unusable(path: Path, reason: str) -> JudgeError:
    return JudgeError(
        f"the judge's cache {path} cannot be used: {reason}; free some space or mend its "
        "permissions, give another file with judge.cache, or keep none: judge.cache none"
    )


def _torn(path: Path, reason: str) -> JudgeError:
    return JudgeError(
        f"the judge's cache {path} is torn and is left as it is: {reason}; move it away, restore "
        "it, or give another file with judge.cache"
    )
