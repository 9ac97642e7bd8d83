"""What the run is, in a few lines: model, data, seeds, time, machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from grit.records.manifest import Manifest
from grit.records.rows import StepRow
from grit.viewer.wording import duration, short_hash

__all__ = ["Fact", "facts_of", "training_seconds"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A name, what stands for it, and small print."""

    name: str
    value: str
    note: str = ""


def training_seconds(steps: Sequence[StepRow]) -> float | None:
    """Wall time of all steps; None where no step recorded it."""
    totals = [step.seconds.get("total") for step in steps]
    known = [total for total in totals if total is not None]
    return sum(known) if known else None


def facts_of(manifest: Manifest, steps: Sequence[StepRow]) -> list[Fact]:
    """The facts that a reader asks for first."""
    facts: list[Fact] = []
    if manifest.model is not None:
        note = " · ".join(filter(None, (manifest.model.family, short_hash(manifest.model.sha256))))
        facts.append(Fact("model", PurePath(manifest.model.path).name or "–", note))
    for use in dict.fromkeys(file.use for file in manifest.data):
        files = [file for file in manifest.data if file.use == use]
        rows = sum(file.num_rows for file in files)
        names = ", ".join(f"{PurePath(file.path).name} {short_hash(file.sha256)}" for file in files)
        facts.append(Fact(f"{use} data", f"{rows:,} samples", names))
    if manifest.presets:
        facts.append(Fact("presets", ", ".join(manifest.presets)))
    if manifest.seeds:
        seeds = ", ".join(f"{name} {seed}" for name, seed in manifest.seeds.items())
        facts.append(Fact("seeds", seeds))
    if steps:
        facts.append(_training(steps))
    facts.append(_machine(manifest))
    limits = (manifest.min_pixels, manifest.max_pixels)
    if any(limits):
        low, high = (f"{limit:,}" if limit else "no limit" for limit in limits)
        backend = f"{manifest.image_backend} backend" if manifest.image_backend else ""
        facts.append(Fact("pixels a picture", f"{low} to {high}", backend))
    packages = ("python", "torch", "transformers")
    others = [f"{name} {manifest.versions[name]}" for name in packages if name in manifest.versions]
    facts.append(Fact("software", f"grit {manifest.grit_version}", ", ".join(others)))
    begun = manifest.created.replace("T", " ").replace("+00:00", " UTC")
    commit = f"commit {manifest.git_commit[:10]}" if manifest.git_commit else ""
    if manifest.git_commit and manifest.git_commit.endswith("+changes"):
        commit += " with changes"
    facts.append(Fact("begun", begun, commit))
    return facts


def _training(steps: Sequence[StepRow]) -> Fact:
    seconds = training_seconds(steps)
    peaks = [step.peak_memory_gib for step in steps if step.peak_memory_gib is not None]
    notes = [f"{steps[-1].epoch:.3g} passes over the data"]
    if peaks:
        notes.append(f"{max(peaks):.2f} GiB at most")
    time = f" in {duration(seconds)}" if seconds is not None else ""
    return Fact("training", f"{steps[-1].step} steps{time}", " · ".join(notes))


def _machine(manifest: Manifest) -> Fact:
    hardware = manifest.hardware
    cores = f"{hardware.num_cores} core{'' if hardware.num_cores == 1 else 's'}"
    memory = f"{hardware.memory_gib:g} GiB" if hardware.memory_gib is not None else ""
    note = " · ".join(filter(None, (cores, memory)))
    if not hardware.gpus:
        return Fact("machine", hardware.cpu, note)
    names = dict.fromkeys(hardware.gpus)
    gpus = ", ".join(f"{hardware.gpus.count(name)} × {name}" for name in names)
    return Fact("machine", gpus, f"{hardware.cpu} · {note}")
