"""The vision tower's share: once a picture, once a run where it is frozen, and as peers run it.

    .venv/bin/python benchmarks/vision.py

An epoch sees every picture once, a step each. Peers run the tower on every copy of a picture that
a group has: G times in one pass. Training adds the way back where the tower learns.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from output import add_output_flags, as_table, write
from rollout import CLOCKS, load
from timing import Spent, median_spent, spent_by, take_turns
from torch import Tensor
from workload import IMAGE_SIDES, Workload, build_model, write_workload

from grit.models.family import PromptInputs
from grit.policy.policy import Policy
from grit.policy.vision import VisionFeatures

FIRST, LATER = "frozen, first epoch", "frozen, later epochs"
COPIES, LEARNS, LEARNING_COPIES = "frozen, G copies", "learns", "learns, G copies"


def _back(features: Sequence[Tensor]) -> None:
    """The way back of something that looks at every feature."""
    torch.stack([feature.float().square().mean() for feature in features]).sum().backward()


def ways(
    policy: Policy, prompts: Sequence[PromptInputs], size: int, *, learns: bool
) -> dict[str, Callable[[], Spent]]:
    """One epoch in each way that fits whether the tower learns."""
    model = policy.model
    tower = model.family.vision_tower(model.network)
    kept = VisionFeatures(model)

    def epoch(features_of: Callable[[PromptInputs], Sequence[Tensor]]) -> Spent:
        tower.requires_grad_(learns)

        def pictures() -> None:
            for prompt in prompts:
                features = features_of(prompt)
                if learns:
                    _back(features)
                    tower.zero_grad()

        with torch.set_grad_enabled(learns):
            return spent_by(pictures)

    def once() -> Spent:
        fresh = VisionFeatures(model)
        return epoch(lambda prompt: fresh.of([prompt]))

    def again() -> Spent:
        return epoch(lambda prompt: kept.of([prompt]))

    def copies() -> Spent:
        return epoch(lambda prompt: model.family.image_features(model.network, [prompt] * size))

    if learns:
        return {LEARNS: once, LEARNING_COPIES: copies}
    return {FIRST: once, LATER: again, COPIES: copies}


def measure(
    policy: Policy, prompts: Sequence[PromptInputs], size: int, rounds: int
) -> list[dict[str, Any]]:
    """A row for each way."""
    both = {
        **ways(policy, prompts, size, learns=False),
        **ways(policy, prompts, size, learns=True),
    }
    spent = {name: median_spent(turns) for name, turns in take_turns(both, rounds=rounds).items()}
    rows: list[dict[str, Any]] = []
    for name, each in spent.items():
        base = spent[LEARNS if name.startswith("learns") else FIRST]
        row: dict[str, Any] = {"way": name, "pictures": len(prompts), "group_size": size}
        for clock in CLOCKS:
            seconds = getattr(each, clock)
            row[f"{clock}_seconds"] = seconds
            row[f"{clock}_over_once"] = seconds / getattr(base, clock)
        rows.append(row)
    return rows


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """One line a way."""
    names = ("tower", "pictures", "G", "wall, s", "× once a picture", "processor, s", "× once")
    return as_table(
        names,
        [
            (
                row["way"],
                row["pictures"],
                row["group_size"],
                row["wall_seconds"],
                row["wall_over_once"],
                row["processor_seconds"],
                row["processor_over_once"],
            )
            for row in rows
        ],
    )


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompt-tokens", type=int, default=380, choices=sorted(IMAGE_SIDES))
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, help="a folder; by default a random one is made")
    add_output_flags(parser)
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as place:
        file = write_workload(
            Path(place),
            model=chosen.model or build_model(Path(place) / "model"),
            prompt_tokens=chosen.prompt_tokens,
            num_pictures=chosen.pictures,
            group_size=chosen.group_size,
        )
        policy, prompts = load(Workload.read(file))
        inputs = [prompt.inputs for prompt in prompts]
        rows = measure(policy, inputs, chosen.group_size, chosen.rounds)
    write("vision", rows, as_markdown(rows), chosen)


if __name__ == "__main__":
    main()
