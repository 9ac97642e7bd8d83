"""The built-in model with chains that it did not write: true boxes and true answers."""

from __future__ import annotations

from grit.app.chains import Chains
from grit.app.models import load_source
from grit.config.model import ModelConfig
from grit.data.builtin import held_out_samples
from grit.data.scenes.generate import Part
from grit.geometry.spaces import Frame, Space
from grit.prompts.question import Mode
from grit.records.folder import RunFolder
from grit.records.rows import BoxRow, EvaluationRow
from grit.traces.parse import parse_trace
from grit.traces.write import write_chain


def true_rows(path, *, tasks=("counting", "attribute"), num_per_task=4):
    """Chains as an evaluation would have left them; one of each task has no box."""
    folder = RunFolder.create(path)
    model = load_source("builtin", ModelConfig(device="cpu")).model
    samples = held_out_samples(
        Part.TEST, folder.pictures, tasks=tasks, num_per_task=num_per_task, seed=3
    )
    rows = []
    for place, sample in enumerate(samples):
        frame = Frame((336, 336), Space.RESIZED, (84, 84))
        boxes = [] if place % num_per_task == 0 else [(box, "shape") for box in sample.boxes]
        text = write_chain(boxes, frame, "so it is", sample.answer)
        trace = parse_trace(text, frame)
        rows.append(
            EvaluationRow(
                model="true", mode="grounded", task=sample.dataset, sample_id=sample.id,
                image=str(sample.image), image_size=(336, 336), question=sample.question,
                reference=sample.answer, prompt="", text=text, num_tokens=9, finish="finished",
                answer=trace.answer, score=1.0, correct=True, format_ok=True,
                boxes=tuple(BoxRow.of(mention) for mention in trace.mentions),
            )
        )  # fmt: skip
    return Chains(
        folder,
        "true-grounded",
        model,
        "</answer>",
        Mode.GROUNDED,
        {sample.id: sample for sample in samples},
        rows,
    )
