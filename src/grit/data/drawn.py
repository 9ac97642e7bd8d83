"""Training triplets of the built-in world by number: for scaling, ablations and controls.

They come from the part of the world that the 20 built-in triplets come from, at the same mix:
half relation (yes and no alike, a fifth nouns), half counting with counts 0 to 4 evenly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from grit.data.builtin import TRAINING_TASKS, sample_of
from grit.data.jsonl import write_samples
from grit.data.sample import Sample
from grit.data.scenes.generate import Part, scenes
from grit.data.scenes.scene import Scene, draw_scene
from grit.data.scenes.tasks import Inquiry, ask

__all__ = ["draw_triplets", "with_shuffled_answers", "write_triplets"]

_SHARES = {
    "relation": {"yes": 0.4, "no": 0.4, "noun": 0.2},
    "counting": {str(count): 0.2 for count in range(5)},
}
_QUESTIONS_PER_SCENE = 4
"""Of each task; several questions share a picture, as in public sets."""


def draw_triplets(
    number: int, folder: Path, *, tasks: Sequence[str] = TRAINING_TASKS, seed: int = 0
) -> list[Sample]:
    """Draw triplets; their pictures are written into a folder.

    Args:
        number: How many, shared evenly among the tasks.
        folder: Where pictures go, as PNG files.
        tasks: ``relation``, ``counting`` or both.
        seed: Of scenes and questions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(f"grit triplets {number} {' '.join(tasks)} {seed}")
    wanted = _quotas(number, tasks)
    # The shipped 20 come from seed 20.
    worlds = scenes(Part.TRIPLETS, 1000 + seed)
    samples: list[Sample] = []
    while sum(wanted.values()):
        scene = next(worlds)
        if len(scene.things) < 3:
            continue
        taken = [each for task in tasks for each in _asked(scene, task, random, wanted)]
        if not taken:
            continue
        image = folder / f"triplets-{seed}-{len(samples):05d}.png"
        draw_scene(scene).save(image, compress_level=1)
        for inquiry in taken:
            samples.append(sample_of(f"{inquiry.task}-{len(samples):05d}", image, inquiry))
    random.shuffle(samples)
    return samples


def write_triplets(file: Path, samples: Sequence[Sample]) -> Path:
    """Write triplets as a file, unless it stands there already."""
    if not file.exists():
        write_samples(file, samples)
    return file


def with_shuffled_answers(samples: Sequence[Sample], *, seed: int = 0) -> list[Sample]:
    """The same questions with answers of other questions of their task; a control.

    Answers and counts move together, as labels would. Boxes and pictures stay.
    """
    random = Random(f"grit shuffled answers {seed}")
    places: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault(sample.dataset, []).append(place)
    shuffled = list(samples)
    for own in places.values():
        others = own[:]
        random.shuffle(others)
        for place, other in zip(own, others, strict=True):
            source = samples[other]
            shuffled[place] = replace(samples[place], answer=source.answer, count=source.count)
    return shuffled


def _quotas(number: int, tasks: Sequence[str]) -> Counter[tuple[str, str]]:
    """How many of each sort; what rounding leaves goes to the first."""
    quotas: Counter[tuple[str, str]] = Counter()
    for place, task in enumerate(tasks):
        of_task = number // len(tasks) + (place < number % len(tasks))
        shares = _SHARES[task]
        for sort, share in shares.items():
            quotas[task, sort] = int(of_task * share)
        quotas[task, next(iter(shares))] += of_task - sum(quotas[task, sort] for sort in shares)
    return quotas


def _asked(
    scene: Scene, task: str, random: Random, wanted: Counter[tuple[str, str]]
) -> list[Inquiry]:
    """Some questions of a task about a scene that are still wanted; no question twice."""
    taken: dict[str, Inquiry] = {}
    for _ in range(_QUESTIONS_PER_SCENE):
        inquiry = ask(scene, task, random)
        if inquiry is None or inquiry.question in taken:
            continue
        sort = (task, _sort_of(inquiry))
        if wanted[sort] > 0:
            wanted[sort] -= 1
            taken[inquiry.question] = inquiry
    return list(taken.values())


def _sort_of(inquiry: Inquiry) -> str:
    if inquiry.task == "counting" or inquiry.answer in ("yes", "no"):
        return inquiry.answer
    return "noun"
