"""Chains about scenes of the built-in world, written from what is truly there."""

from __future__ import annotations

from grit.analysis.chains import Chain
from grit.data.builtin import held_out_samples
from grit.data.pictures import open_picture
from grit.data.scenes.generate import Part
from grit.data.scenes.read import read_scene
from grit.geometry.spaces import Frame
from grit.traces.write import write_chain


def true_chains(folder, *, tasks=("relation", "counting", "attribute"), num_per_task=12):
    """A perfect chain a sample: its true boxes, each with the kind that stands there, numbered."""
    chains = []
    for sample in held_out_samples(Part.TEST, folder, tasks=tasks, num_per_task=num_per_task):
        if not sample.boxes:
            continue
        things = {thing.box: thing.kind for thing in read_scene(open_picture(sample.image)).things}
        marked = [(box, f"{things[box]} {n}") for n, box in enumerate(sample.boxes, 1)]
        text = write_chain(marked, Frame(sample.image_size), "so it is", sample.answer)
        chains.append(
            Chain(
                sample.id,
                sample.dataset,
                sample.image,
                sample.image_size,
                text,
                tuple(sample.boxes),
            )
        )
    return chains
