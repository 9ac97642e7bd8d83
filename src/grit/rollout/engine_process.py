"""An engine in a process of its own: started, asked, waited for within limits, and ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from grit.errors import EngineError
from grit.rollout.messages import Failed

__all__ = ["EngineProcess", "engine_environment"]

ReplyT = TypeVar("ReplyT", bound=BaseModel)

_GLANCE = 1.0
"""Seconds between two looks at whether the process still lives."""

_GRACE = 10.0
"""Seconds that the process has to leave by itself; after them it is killed."""

_LAUNCHER = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR",
    "MASTER_PORT",
)  # fmt: skip
"""Set by torch's launchers for the trainer; an engine would take itself for one of its ranks."""

_OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME")


def engine_environment(*, is_foreign: bool) -> dict[str, str]:
    """Environment variables of an engine: ours, without what would mislead it.

    Args:
        is_foreign: Whether its interpreter is of another environment, for which this one's module
            path is wrong.
    """
    left_out = (*_LAUNCHER, *(_OUR_PYTHON if is_foreign else ()))
    return {name: value for name, value in os.environ.items() if name not in left_out}


class EngineProcess:
    """A worker script under an interpreter, in a session of its own.

    Its end of the socket closes when this process ends, however that comes about; the worker then
    leaves. Ctrl-C of a terminal does not reach it.

    Args:
        python: The interpreter; it need not be this one.
        script: The worker; given the socket's descriptor and ``exchange``.
        exchange: Folder for files that are handed over.
        log: File that its output is appended to.
        is_foreign: Whether the interpreter is of another environment.

    Raises:
        EngineError: If it cannot be started.
    """

    def __init__(
        self, python: Path, script: Path, exchange: Path, log: Path, *, is_foreign: bool
    ) -> None:
        self._log, self._is_closed = log, False
        self._socket, theirs = socket.socketpair()
        self._buffer = bytearray()
        self._log_began = log.stat().st_size if log.exists() else 0
        with theirs, log.open("ab") as output:
            command = [str(python), "-u", str(script), str(theirs.fileno()), str(exchange)]
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    env=engine_environment(is_foreign=is_foreign),
                )
            except OSError as error:
                self._socket.close()
                raise EngineError(f"cannot start {python}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ask(self, request: BaseModel, reply: type[ReplyT], *, timeout: float) -> ReplyT:
        """Send a request and wait for its reply.

        Args:
            request: What is asked.
            reply: What is expected.
            timeout: Longest wait, in seconds.

        Raises:
            EngineError: If the engine failed, died, answers something else, or does not answer;
                in the last three cases its process is ended.
        """
        what = str(getattr(request, "kind", type(request).__name__))
        try:
            line = self._exchange(request.model_dump_json().encode() + b"\n", timeout, what)
        except OSError as error:
            raise self._gone(what) from error
        try:
            return reply.model_validate_json(line)
        except ValidationError as unexpected:
            try:
                failed = Failed.model_validate_json(line)
            except ValidationError:
                self.close(grace=0.0)
                raise EngineError(
                    f"the engine answered {what} with {line[:200]!r}, which is not of this "
                    "protocol; grit and its worker must be of one version"
                ) from unexpected
            raise EngineError(
                f"the engine could not {what}: {failed.error} (its log: {self._log})"
            ) from None

    def close(self, *, grace: float = _GRACE) -> None:
        """End the process and all that it started; more than once does no harm."""
        if self._is_closed:
            return
        self._is_closed = True
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        # The session is the engine's own: nothing else is in it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _exchange(self, message: bytes, timeout: float, what: str) -> bytes:
        """Write a line and read one, looking up from time to time."""
        deadline = time.monotonic() + timeout
        rest = memoryview(message)
        while b"\n" not in self._buffer:
            if time.monotonic() > deadline:
                pid = self._process.pid
                self.close(grace=0.0)
                raise EngineError(
                    f"the engine (process {pid}) did not answer {what} within {timeout:g} s, and "
                    f"was ended; its log is {self._log}. Raise the timeout if it was at work, "
                    "then go on with --resume"
                )
            readable, writable, _ = select.select(
                [self._socket], [self._socket] if rest else [], [], _GLANCE
            )
            if writable:
                rest = rest[self._socket.send(rest, socket.MSG_DONTWAIT) :]
            if readable:
                received = self._socket.recv(1 << 20)
                if not received:
                    raise self._gone(what)
                self._buffer += received
            elif self._process.poll() is not None:
                raise self._gone(what)
        line, _, after = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(after)
        return line

    def _gone(self, what: str) -> EngineError:
        self.close(grace=_GLANCE)
        code = self._process.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        said = self._last_words()
        return EngineError(
            f"the engine (process {self._process.pid}) ended {how} while it was to {what}"
            + (f"; the last it said: {said}" if said else "")
            + f". Its log is {self._log}; go on with --resume when its cause is mended"
        )

    def _last_words(self) -> str:
        """The last line of its log that this process wrote."""
        with self._log.open("rb") as stream:
            stream.seek(self._log_began)
            lines = stream.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[:300]
