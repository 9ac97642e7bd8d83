"""What a run is made of, for its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from grit import __version__
from grit.app.samples import source_file
from grit.config.compose import recipe_hash
from grit.config.model import BUILTIN
from grit.config.recipe import Recipe
from grit.data.sample import Sample
from grit.models.family import LoadedModel
from grit.models.load import BUILTIN_FOLDER
from grit.records.manifest import (
    DataFile,
    Manifest,
    ModelFiles,
    command_line,
    describe_hardware,
    git_commit,
    hash_file,
    hash_folder,
    hash_text,
    installed_versions,
    now,
)

__all__ = ["describe_run"]


def describe_run(
    recipe: Recipe,
    model: LoadedModel,
    train: Sequence[Sample],
    validation: Sequence[Sample],
    *,
    num_processes: int = 1,
) -> Manifest:
    """Versions, machine, seeds, pixel limits and hashes of everything that went in."""
    files = [_data_file(recipe.data.train, train, "train")]
    if recipe.data.validation is not None:
        files.append(_data_file(recipe.data.validation, validation, "validation"))
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    folder = BUILTIN_FOLDER if recipe.model.path == BUILTIN else Path(recipe.model.path)
    return Manifest(
        grit_version=__version__,
        created=now(),
        command=command_line(),
        seeds={"training": recipe.training.seed, "evaluation": recipe.evaluation.seed},
        versions=installed_versions(),
        hardware=describe_hardware(gpus),
        num_processes=num_processes,
        git_commit=git_commit(Path(__file__).parent),
        min_pixels=model.limits.min_pixels,
        max_pixels=model.limits.max_pixels,
        image_backend=model.image_backend,
        model=ModelFiles(
            path=recipe.model.path,
            sha256=hash_folder(folder) if folder.is_dir() else None,
            family=model.family.word,
        ),
        data=tuple(files),
        recipe_sha256=recipe_hash(recipe),
        presets=(recipe.rewards.preset,),
        training_tasks=tuple(dict.fromkeys(sample.dataset for sample in train)),
        notes={"threads": str(torch.get_num_threads()), "device": str(model.device)},
    )


def _data_file(source: str, samples: Sequence[Sample], use: str) -> DataFile:
    path = source_file(source)
    # Scenes drawn from a seed have no file: their questions and boxes stand for them.
    drawn = "\n".join(f"{s.id}\t{s.question}\t{s.answer}\t{s.boxes}" for s in samples)
    return DataFile(
        path=source,
        sha256=hash_text(drawn) if path is None else hash_file(path),
        num_rows=len(samples),
        use=use,
    )
