"""`grit ask`: one picture, one question; the chain, its regions, the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grit.app.models import load_source
from grit.config.model import ModelConfig
from grit.data.pictures import open_picture
from grit.data.sample import Sample
from grit.draw.boxes import BoxKind, DrawnBox, draw_boxes
from grit.errors import DataError
from grit.evaluation.marking import read_completion
from grit.policy.policy import Policy
from grit.prompts.question import Mode, question_turn
from grit.rollout.completion import Completion
from grit.rollout.group import Prompt
from grit.rollout.local import LocalEngine, Sampling
from grit.traces.trace import Trace

__all__ = ["Answered", "annotated_picture", "ask_source", "free_name"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model said about a picture.

    Args:
        completion: Tokens and text.
        trace: The text, parsed.
        picture: The picture, upright, in RGB.
    """

    completion: Completion
    trace: Trace
    picture: Image.Image


def ask_source(
    source: str,
    config: ModelConfig,
    image: Path,
    question: str,
    *,
    mode: Mode,
    max_new_tokens: int = 1000,
    temperature: float = 0.0,
    seed: int = 0,
) -> Answered:
    """Load a model from anywhere and ask it; picture and question are looked at first.

    Raises:
        PictureError: If the picture cannot be used.
        DataError: If the question is empty.
        GritError: If there is no model in ``source``.
    """
    if not question.strip():
        raise DataError("the question is empty; type what you want to know about the picture")
    picture = open_picture(image)
    loaded = load_source(source, config)
    inputs = loaded.model.prepare(picture, question_turn(question, mode))
    sample = Sample("asked", image, question, "", "asked", image_size=picture.size)
    sampling = Sampling(
        max_new_tokens,
        temperature,
        stop=None if mode is Mode.DIRECT else loaded.stop,
        seed=seed,
    )
    engine = LocalEngine(Policy(loaded.model), sampling)
    (group,) = engine.roll_out([Prompt(sample, inputs)], size=1, step=0)
    completion = group.completions[0]
    return Answered(completion, read_completion(completion.text, group, mode), picture)


def annotated_picture(answered: Answered) -> Image.Image:
    """The picture with every region that the chain points at, numbered as in the text."""
    return draw_boxes(answered.picture, _drawn(answered.trace))


def free_name(wanted: Path) -> Path:
    """The name itself, or the first of ``name-2``, ``name-3``, … that is not taken."""
    path, number = wanted, 1
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path


def _drawn(trace: Trace) -> Sequence[DrawnBox]:
    return [
        DrawnBox(
            mention.box, f"{number + 1} {mention.label or ''}".strip(), BoxKind.MENTION, number
        )
        for number, mention in enumerate(trace.mentions)
    ]
