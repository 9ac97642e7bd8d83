"""How quickly verdicts come: from a server that takes 200 ms, and from the cache.

    .venv/bin/python benchmarks/judging.py

A real HTTP server on this machine sleeps 200 ms before each verdict. 1 000 different answers with a
concurrency of 32 take 1 000 / 32 · 0.2 s at best, in full waves: 6.4 s. The same answers again come
from the cache, 20 times over, each time by a judge that has just opened it.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import tempfile
import time
from pathlib import Path

from grit.config.judge import ChatJudgeConfig
from grit.judges.chat import ChatJudge
from grit.judges.verdict import JudgeRequest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from judge_server import JudgeServer, compares

DELAY = 0.2
ROUNDS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=32)
    given = parser.parse_args()
    requests = [
        JudgeRequest("Which animal is on the left?", "a dog", f"a dog, number {number}")
        for number in range(given.verdicts)
    ]
    ideal = math.ceil(given.verdicts / given.concurrency) * DELAY
    with tempfile.TemporaryDirectory() as folder, JudgeServer(default=compares(DELAY)) as server:
        config = ChatJudgeConfig(
            base_url=server.url,
            model="m",
            order="always",
            concurrency=given.concurrency,
            cache=Path(folder) / "cache.sqlite",
        )
        with ChatJudge(config) as judge:
            seconds, processor = timed(judge, requests)
        print(
            f"server: {given.verdicts} verdicts at {DELAY * 1000:.0f} ms with concurrency "
            f"{given.concurrency}: {seconds:.2f} s, {seconds / ideal:.2f} of the ideal {ideal:.1f} "
            f"s ({processor:.2f} s of the processor, the server's own included)"
        )
        best = math.inf
        for _ in range(ROUNDS):
            with ChatJudge(config) as judge:
                seconds, processor = timed(judge, requests)
            best = min(best, seconds)
        assert len(server.requests) == given.verdicts, "the cache was asked, not the server"
        print(
            f"cache: {given.verdicts / best:,.0f} verdicts a second, the best of {ROUNDS}; "
            f"{given.verdicts / processor:,.0f} a second of the processor"
        )


def timed(judge: ChatJudge, requests: list[JudgeRequest]) -> tuple[float, float]:
    """Wall seconds and processor seconds of one batch."""
    began, processor = time.perf_counter(), time.process_time()
    verdicts = asyncio.run(judge.judge(requests))
    took = time.perf_counter() - began, time.process_time() - processor
    assert all(verdict.score == 0.0 for verdict in verdicts)
    return took


if __name__ == "__main__":
    main()
