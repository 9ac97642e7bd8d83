"""Write the 20 training triplets of the package: pictures and their JSONL.

.venv/bin/python scripts/make_triplets.py
"""

from __future__ import annotations

from collections import Counter
from random import Random

from grit.data.builtin import TRIPLETS_FILE, sample_of
from grit.data.jsonl import write_samples
from grit.data.sample import Sample
from grit.data.scenes.generate import Part, scenes
from grit.data.scenes.scene import draw_scene
from grit.data.scenes.tasks import Inquiry, ask

_SEED = 20
_RELATION_ANSWERS = {"yes": 4, "no": 4, "noun": 2}
_COUNTS = {str(count): 2 for count in range(5)}


def main() -> None:
    """Draw scenes until every answer has its share."""
    random = Random(_SEED)
    worlds = scenes(Part.TRIPLETS, _SEED)
    folder = TRIPLETS_FILE.parent / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []
    for task, shares in (("relation", _RELATION_ANSWERS), ("counting", _COUNTS)):
        taken: Counter[str] = Counter()
        while taken != shares:
            scene = next(worlds)
            inquiry = ask(scene, task, random)
            # A count of nothing in an empty-looking corner teaches little: ask busy scenes.
            if inquiry is None or len(scene.things) < 3:
                continue
            sort = _sort_of(inquiry)
            if taken[sort] >= shares.get(sort, 0):
                continue
            taken[sort] += 1
            name = f"{task}-{sum(taken.values()):02d}"
            draw_scene(scene).save(folder / f"{name}.png", optimize=True)
            samples.append(sample_of(name, folder / f"{name}.png", inquiry))
    write_samples(TRIPLETS_FILE, samples, overwrite=True)


def _sort_of(inquiry: Inquiry) -> str:
    if inquiry.task == "counting" or inquiry.answer in ("yes", "no"):
        return inquiry.answer
    return "noun"


if __name__ == "__main__":
    main()
