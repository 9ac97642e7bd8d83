"""The samples that ship with grit: 20 training triplets as files, held-out scenes by seed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from PIL import Image

from grit.data.jsonl import read_samples
from grit.data.sample import Sample
from grit.data.scenes.generate import Part, scenes
from grit.data.scenes.scene import GRID, SCALE, Scene, draw_scene
from grit.data.scenes.tasks import TASKS, Inquiry, ask, existence_pair

__all__ = ["TRAINING_TASKS", "TRIPLETS_FILE", "builtin_triplets", "held_out_samples"]

TRIPLETS_FILE = Path(__file__).parent / "triplets" / "triplets.jsonl"

TRAINING_TASKS = ("relation", "counting")
"""Tasks of the 20 triplets, after the paper's VSR and TallyQA; the others are out of domain."""


def builtin_triplets() -> list[Sample]:
    """Ten relation and ten counting triplets, counts 0 to 4 evenly."""
    return read_samples(TRIPLETS_FILE)


def held_out_samples(
    part: Part,
    folder: Path,
    *,
    tasks: Sequence[str] = tuple(TASKS),
    num_per_task: int = 300,
    seed: int = 0,
) -> list[Sample]:
    """Questions about scenes of one part of the world, their pictures written where missing.

    Args:
        part: Validation or test; its layouts appear in no other part.
        folder: Where the pictures lie, as PNG files.
        tasks: Names of the tasks, in the order in which their samples come back.
        num_per_task: Samples of each task; existence takes two of each picture.
        seed: Of the scenes and questions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []
    for task in tasks:
        asked = _inquiries(part, task, seed)
        for number in range(num_per_task):
            scene_number, scene, inquiry = next(asked)
            name = f"{part}-{seed}-{task}-{scene_number:04d}.png"
            _write_once(folder / name, draw_scene(scene))
            samples.append(sample_of(f"{part}:{seed}:{task}:{number:04d}", folder / name, inquiry))
    return samples


def sample_of(sample_id: str, image: Path, inquiry: Inquiry) -> Sample:
    """The sample that asks a question about a scene whose picture lies in a file."""
    boxes = tuple(thing.box for thing in inquiry.things)
    answer = inquiry.answer
    if inquiry.task == "locate":
        answer = str([round(edge) for edge in boxes[0].as_tuple()])
    return Sample(
        id=sample_id,
        image=image,
        question=inquiry.question,
        answer=answer,
        dataset=inquiry.task,
        image_size=(GRID * SCALE, GRID * SCALE),
        boxes=boxes,
        count=inquiry.count,
    )


def _inquiries(part: Part, task: str, seed: int) -> Iterator[tuple[int, Scene, Inquiry]]:
    """Endless questions of one task, each with its scene and the scene's number."""
    random = Random(f"grit questions {part} {task} {seed}")
    # Each task has scenes of its own, so that no picture answers for two of them.
    worlds = scenes(part, seed * len(TASKS) + tuple(TASKS).index(task))
    for number, scene in enumerate(worlds):
        if task == "existence":
            for inquiry in existence_pair(scene, random):
                yield number, scene, inquiry
        elif (inquiry := ask(scene, task, random)) is not None:
            yield number, scene, inquiry


def _write_once(path: Path, picture: Image.Image) -> None:
    if path.exists():
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    picture.save(partial, format="PNG", optimize=False, compress_level=6)
    partial.replace(path)
