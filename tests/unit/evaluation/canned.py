"""Groups whose completions were written by hand, and an engine that hands them out."""

from __future__ import annotations

from pathlib import Path

import torch

from grit.data.sample import Sample
from grit.geometry.box import Box, Space
from grit.geometry.spaces import Frame
from grit.models.family import PromptInputs
from grit.rollout.completion import Completion
from grit.rollout.group import Group, Prompt

SIZE = (200, 100)


def sample(answer="2", *, boxes=None, dataset="counting", sample_id="s-1", extra=None):
    return Sample(
        id=sample_id,
        image=Path("picture.png"),
        question="How many dogs are there?",
        answer=answer,
        dataset=dataset,
        image_size=SIZE,
        boxes=None if boxes is None else tuple(Box(*edges) for edges in boxes),
        extra=extra or {},
    )


def prompt(of, *, resized=None):
    """A prompt that no model will see; ``resized`` makes the model write in resized pixels."""
    frame = Frame(SIZE) if resized is None else Frame(SIZE, Space.RESIZED, resized)
    no_tokens = torch.zeros(0, dtype=torch.long)
    return Prompt(of, PromptInputs("the prompt", no_tokens, no_tokens.bool(), {}, frame))


def group(text, of, *, finish="finished", resized=None):
    completion = Completion(0, torch.zeros(7, dtype=torch.long), text, torch.zeros(7), finish)
    return Group(prompt(of, resized=resized), (completion,))


def chain(*boxes, answer="2"):
    """A completion in the paper's format that draws boxes and answers."""
    drawn = ", ".join(f'{{"bbox_2d": {list(box)}}}' for box in boxes)
    return f"<think> {drawn} </think> <rethink> so </rethink> <answer> {answer}</answer>"


class CannedEngine:
    """Answers each sample with a text by its id, and remembers the calls."""

    def __init__(self, texts):
        self.texts = texts
        self.calls = []

    def roll_out(self, prompts, *, size, step):
        assert size == 1
        self.calls.append([each.sample.id for each in prompts])
        return [group(self.texts[each.sample.id], each.sample) for each in prompts]
