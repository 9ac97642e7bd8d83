"""Words and files to samples, and samples to prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from grit.config.data import BUILTIN_VALIDATION
from grit.config.model import BUILTIN
from grit.data.annotations import boxes_outside
from grit.data.builtin import TRIPLETS_FILE, builtin_triplets, held_out_samples
from grit.data.jsonl import read_samples
from grit.data.pictures import open_sample_picture
from grit.data.sample import Sample
from grit.data.scenes.generate import Part
from grit.data.scenes.tasks import TASKS
from grit.errors import ConfigError, DataError, PictureError
from grit.models.family import LoadedModel, Shown
from grit.prompts.question import Mode, question_turn
from grit.prompts.worked import worked_chain
from grit.rollout.group import Prompt

__all__ = [
    "BUILTIN_TEST",
    "icl_example",
    "make_prompts",
    "read_source",
    "refuse_unknown_tasks",
    "source_file",
]

BUILTIN_TEST = "builtin:test"
"""The word for the built-in world's test scenes."""

_PARTS = {BUILTIN_VALIDATION: Part.VALIDATION, BUILTIN_TEST: Part.TEST}


def read_source(
    source: str,
    *,
    pictures: Path,
    images: Path | None = None,
    tasks: Sequence[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> list[Sample]:
    """Samples of a file or of the built-in world.

    Args:
        source: A JSONL file, or ``builtin``, ``builtin:val``, ``builtin:test``.
        pictures: Where pictures of held-out scenes are written.
        images: Folder of a file's pictures; None looks beside it.
        tasks: Only these sets; None takes all.
        limit: Most samples of each set; held-out scenes come 300 a task without it.
        seed: Of held-out scenes.

    Raises:
        ConfigError: If a task is named that the source does not have.
        DataError: If the file or a row of it cannot be used.
    """
    if source in _PARTS:
        wanted = tuple(TASKS) if tasks is None else tuple(tasks)
        refuse_unknown_tasks(source, tasks)
        number = 300 if limit is None else limit
        return held_out_samples(
            _PARTS[source], pictures, tasks=wanted, num_per_task=number, seed=seed
        )
    if source == BUILTIN:
        samples = builtin_triplets()
    else:
        samples = read_samples(Path(source), images=images, must_exist=True)
    known = tuple(dict.fromkeys(sample.dataset for sample in samples))
    if tasks is not None:
        _refuse_unknown(source, tasks, known)
    taken: dict[str, int] = {}
    kept: list[Sample] = []
    for sample in samples:
        taken[sample.dataset] = taken.get(sample.dataset, 0) + 1
        within = limit is None or taken[sample.dataset] <= limit
        if within and (tasks is None or sample.dataset in tasks):
            kept.append(sample)
    return kept


def refuse_unknown_tasks(source: str, tasks: Sequence[str] | None) -> None:
    """Say no to a task that held-out scenes do not have; a file's are known once it is read.

    Raises:
        ConfigError: If there is one.
    """
    if source in _PARTS:
        _refuse_unknown(source, tasks or (), tuple(TASKS))


def source_file(source: str) -> Path | None:
    """The file behind a source; None for scenes that are drawn from a seed."""
    if source in _PARTS:
        return None
    return TRIPLETS_FILE if source == BUILTIN else Path(source)


def make_prompts(
    samples: Sequence[Sample],
    model: LoadedModel,
    mode: Mode,
    *,
    max_pixels: int,
    example: Sample | None = None,
    on_prompt: Callable[[], None] | None = None,
) -> list[Prompt]:
    """Open each sample's picture and make its prompt.

    Args:
        samples: Which.
        model: Whose tokenizer, template and image processor are used.
        mode: How the questions are put.
        max_pixels: Larger pictures are refused before they are decoded.
        example: Shown before each question where the mode is ``icl``.
        on_prompt: Told of each prompt, for progress.

    Raises:
        PictureError: If a picture cannot be used; names the sample.
        DataError: If true boxes do not fit the picture that they are on.
    """
    shown = None
    if mode is Mode.ICL and example is not None:
        shown = _worked_example(example, model, max_pixels=max_pixels)
    prompts: list[Prompt] = []
    for sample in samples:
        picture = open_sample_picture(sample, max_pixels=max_pixels)
        _refuse_foreign_boxes(sample, picture.size)
        try:
            inputs = model.prepare(picture, question_turn(sample.question, mode), shown=shown)
        except PictureError as error:
            raise PictureError(f"sample {sample.id}, {sample.image}: {error}") from error
        prompts.append(Prompt(sample, inputs))
        if on_prompt is not None:
            on_prompt()
    return prompts


def icl_example(file: Path | None, samples: Sequence[Sample]) -> Sample:
    """The worked example of the mode ``icl``.

    Args:
        file: A JSONL file whose first row it is; None takes a built-in counting triplet.
        samples: What is asked: the example must not be among it.

    Raises:
        ConfigError: If it is.
        DataError: If the file cannot be used.
    """
    if file is None:
        example = next(each for each in builtin_triplets() if each.count == 2)
    else:
        example = read_samples(file, must_exist=True)[0]
    same = [
        each.id
        for each in samples
        if each.question == example.question and each.image.absolute() == example.image.absolute()
    ]
    if same:
        raise ConfigError(
            f"the worked example of icl is sample {same[0]} of the questions, whose answer it "
            "would show; give another one with --example FILE"
        )
    return example


def _worked_example(example: Sample, model: LoadedModel, *, max_pixels: int) -> Shown:
    picture = open_sample_picture(example, max_pixels=max_pixels)
    _refuse_foreign_boxes(example, picture.size)
    turn = question_turn(example.question, Mode.ICL)
    # What the model would write about this picture depends on the size that it sees it in.
    return Shown(picture, turn, worked_chain(example, model.prepare(picture, turn).frame))


def _refuse_foreign_boxes(sample: Sample, size: tuple[int, int]) -> None:
    """Boxes of another frame would be held against the wrong regions, and nobody would see it."""
    stated, where = sample.image_size, f"sample {sample.id}, {sample.image}"
    if sample.boxes and stated is not None and stated != size:
        raise DataError(
            f"{where}: the picture is {size[0]}×{size[1]}, and its row gives boxes for "
            f"{stated[0]}×{stated[1]}; state the size of the original picture, and see that the "
            "boxes are its pixels (grit data check FILE names the lines)"
        )
    for fault in boxes_outside(sample.boxes or (), size):
        raise DataError(f"{where}: {fault.problem} (found {fault.value}); {fault.fix}")


def _refuse_unknown(source: str, tasks: Sequence[str], known: Sequence[str]) -> None:
    for task in tasks:
        if task not in known:
            raise ConfigError(f"{source} has no task {task}; it has {', '.join(known)}")
