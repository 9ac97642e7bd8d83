"""The paper's training mix from prepared sets: half VSR, half TallyQA with counts 0 to 4 evenly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grit.data.jsonl import read_samples
from grit.data.prepare import Prepared
from grit.data.prepared_folder import PreparedFolder
from grit.data.sample import Sample
from grit.data.sampling import Draw, training_mix
from grit.errors import DataError

__all__ = ["MIX", "prepare_mix"]

MIX = "mix"
"""Its word on the command line."""

_PAPER_SIZE = 20


def prepare_mix(
    paths: Sequence[Path], to: Path, draw: Draw, *, overwrite: bool = False
) -> Prepared:
    """Draw the training mix from files of ours and write it with a manifest.

    Args:
        paths: JSONL files, or folders that ``grit data prepare`` made.
        to: The folder to make.
        draw: How many (20 without a number) and by which seed.
        overwrite: Whether an older folder of the name may be replaced.

    Raises:
        DataError: If a file cannot be read, a set or a count has too few samples, or the output
            is there already.
        CheckpointError: If the disk is full; an older folder is left as it was.
    """
    folder = PreparedFolder(to)
    folder.refuse_taken(overwrite=overwrite)
    try:
        return _prepared(paths, folder, draw)
    finally:
        folder.drop_if_empty()


def _prepared(paths: Sequence[Path], folder: PreparedFolder, draw: Draw) -> Prepared:
    files = [_file_of(path) for path in paths]
    samples: list[Sample] = []
    file_of: dict[str, Path] = {}
    for file in files:
        for sample in read_samples(file):
            # One sample from two files would be drawn twice.
            if sample.id in file_of:
                raise DataError(
                    f"{file} and {file_of[sample.id]} both hold the sample {sample.id}; name each "
                    "set once with --from"
                )
            file_of[sample.id] = file
            samples.append(sample)
    num = _PAPER_SIZE if draw.num is None else draw.num
    taken = training_mix(samples, num, seed=draw.seed)
    manifest = {
        "set": MIX,
        "source": {"path": [str(path) for path in paths]},
        "draw": {"num": num, "seed": draw.seed},
        "inputs": [str(file) for file in files],
        "records": {
            "read": len(samples),
            "written": len(taken),
            "not_drawn": len(samples) - len(taken),
            "rejected": 0,
            "left_out": 0,
        },
    }
    file, manifest = folder.write(MIX, taken, manifest, ())
    return Prepared(file, taken, manifest)


def _file_of(path: Path) -> Path:
    """The samples of a prepared folder, or the file itself."""
    if not path.is_dir():
        return path
    files = sorted(path.glob("*.jsonl"))
    if len(files) == 1:
        return files[0]
    names = ", ".join(file.name for file in files) or "none"
    raise DataError(f"{path} holds {len(files)} JSONL files ({names}); name one of them")
