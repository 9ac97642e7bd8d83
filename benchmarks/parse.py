"""How fast completions become traces, and that no text makes it slow.

    .venv/bin/python benchmarks/parse.py

Two questions: traces of 150 tokens a second, and how time grows with the length of hostile text.
The exponent is the slope of the logarithm of time over that of length: 1 is linear.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

from output import add_output_flags, as_table, write
from timing import take_turns

from grit.geometry.spaces import Frame
from grit.traces.parse import parse_trace

FRAME = Frame((640, 480))
WORDS_A_TRACE = 60
"""With three boxes and six tags, about 150 tokens."""

SIZES = (1_000, 10_000, 100_000, 1_000_000)

HOSTILE = {
    "plain words": "the cat sits left of the dog ",
    "boxes": "[1,1,1,1]",
    "different boxes": None,
    "open brackets": "[",
    "open braces": "{",
    "numbers": "1, 1, 1, 1,",
    "half boxes": "[1, 2, 3, ",
    "open tags": "<think>",
    "stray tags": "</answer>",
    "spoken answers": "<think><answer>",
    "labels left open": '"label": "',
    "escapes": '\\"label": "',
    "keys": '"bbox_2d": ',
    "references": "<ref>a</ref><box>",
    "spaces": " ",
    "lone surrogates": "\ud800",
}
"""Text that is repeated to a length; None: boxes that all differ."""


def trace_text(number: int) -> str:
    """A completion of about 150 tokens, as a trained model writes it."""
    draw = random.Random(number)
    words = [
        draw.choice(("the", "cat", "is", "left", "of", "a", "red", "chair", "and", "two"))
        for _ in range(WORDS_A_TRACE)
    ]
    for place in (6, 18, 30):
        x, y = draw.randrange(300), draw.randrange(200)
        box = f'{{"bbox_2d": [{x}, {y}, {x + 99}, {y + 80}], "label": "cat {place}"}}'
        words.insert(place, box)
    chain = " ".join(words)
    return f"<think> {chain} </think> <rethink> so there are three </rethink> <answer> 3 </answer>"


def hostile_text(name: str, size: int) -> str:
    """One kind of hostile text, of so many characters."""
    unit = HOSTILE[name]
    if unit is not None:
        return (unit * (size // len(unit) + 1))[:size]
    parts: list[str] = []
    length = 0
    while length < size:
        parts.append(f"[{length % 640}, {length // 640}, 640, 480]")
        length += len(parts[-1])
    return "".join(parts)[:size]


def traces_a_second(num_traces: int, rounds: int) -> dict[str, Any]:
    """How many different traces are parsed a second of one core."""
    texts = [trace_text(number) for number in range(num_traces)]

    def parse() -> float:
        begun = time.process_time()
        for text in texts:
            parse_trace(text, FRAME)
        return num_traces / (time.process_time() - begun)

    speed = statistics.median(take_turns({"ours": parse}, rounds=rounds)["ours"])
    sizes = [len(text) for text in texts]
    return {"traces_a_second": speed, "characters_a_trace": sum(sizes) / num_traces}


def growth(sizes: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """Milliseconds of the processor by kind and length; the exponent is of the two longest."""
    ways = {
        (name, size): _parse_once(hostile_text(name, size)) for name in HOSTILE for size in sizes
    }
    found = take_turns(ways, rounds=rounds)
    spent = {way: statistics.median(turns) for way, turns in found.items()}
    rows: list[dict[str, Any]] = []
    for name in HOSTILE:
        times = [spent[name, size] for size in sizes]
        rows.append(
            {
                "text": name,
                "milliseconds": {size: 1e3 * t for size, t in zip(sizes, times, strict=True)},
                "exponent": math.log(times[-1] / times[-2]) / math.log(sizes[-1] / sizes[-2]),
            }
        )
    return rows


def _parse_once(text: str) -> Any:
    """Seconds of the processor, so that other work on the machine does not count."""

    def turn() -> float:
        begun = time.process_time()
        parse_trace(text, FRAME)
        return max(time.process_time() - begun, 1e-7)

    return turn


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """The speed in a sentence, and the table of sizes."""
    speed, *kinds = rows
    sizes = list(kinds[0]["milliseconds"])
    names = ["text", *(f"{size:,} characters, ms" for size in sizes), "exponent"]
    table = as_table(
        names, [(row["text"], *row["milliseconds"].values(), row["exponent"]) for row in kinds]
    )
    return (
        f"{speed['traces_a_second']:,.0f} traces a second of one core, each of about 150 tokens "
        f"({speed['characters_a_trace']:.0f} characters).\n\n{table}"
    )


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=2000)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=5)
    add_output_flags(parser)
    chosen = parser.parse_args(words)
    rows = [traces_a_second(chosen.traces, chosen.rounds), *growth(chosen.sizes, chosen.rounds)]
    write("parse", rows, as_markdown(rows), chosen)


if __name__ == "__main__":
    main()
