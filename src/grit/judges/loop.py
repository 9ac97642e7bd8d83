"""An event loop of its own thread: connections outlive the many short loops of a run's steps."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["BackgroundLoop"]

ResultT = TypeVar("ResultT")


class BackgroundLoop:
    """Runs coroutines in one thread, whoever waits for them and in whatever loop.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run a coroutine there and wait for it here; cancelling here cancels it there."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def call(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run a coroutine there and block until it is done."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close_after(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what is still running, run one more coroutine, and end the thread."""
        if self._loop.is_closed():
            last.close()
            return
        self.call(_cancel_all())
        self.call(last)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
