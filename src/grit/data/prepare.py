"""From a publisher's files to our JSONL: read, see to the pictures, draw, write with a manifest.

The output folder appears whole, under its name, or not at all::

    TO/
        NAME.jsonl              the samples
        manifest.json           what they were made of, and what became of every record
        images/                 pictures that were embedded in the source, or copied
        rejected/rejected.jsonl records that cannot be used, with file, line and reason

Until then it is called ``.TO.partial``; a run that was cut short goes on with the pictures in it.
Where records cannot be used and may not be left out, the folder has the last two alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grit.data.finding import Finding, FindingKind, error_of, shown
from grit.data.prepared_folder import PreparedFolder
from grit.data.prepared_pictures import PictureCheck, copied
from grit.data.readers.catalogue import READERS
from grit.data.readers.documents import Progress, silent
from grit.data.readers.reader import Reading, ReadRow, Source
from grit.data.sample import Sample
from grit.data.sampling import PAPER_CATEGORIES, Draw, drawn
from grit.errors import DataError

__all__ = ["Order", "Prepared", "prepare"]


@dataclass(frozen=True, slots=True)
class Order:
    """What a user asks to be prepared.

    Args:
        name: The reader.
        source: Where to read.
        to: The folder to make.
        draw: Which samples to take.
        allow_rejected: Whether records that cannot be used may be left out.
        allow_missing_images: Whether rows whose picture is not there are written all the same.
        copy_images: Whether pictures are copied into the folder.
        overwrite: Whether an older folder of the name may be replaced.
    """

    name: str
    source: Source
    to: Path
    draw: Draw = field(default_factory=Draw)
    allow_rejected: bool = False
    allow_missing_images: bool = False
    copy_images: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was made.

    Args:
        file: The JSONL file.
        samples: What is in it.
        manifest: What ``manifest.json`` holds.
    """

    file: Path
    samples: list[Sample]
    manifest: dict[str, Any]


@dataclass
class _Gathered:
    """What became of the records."""

    kept: list[tuple[Sample, ReadRow]] = field(default_factory=list[tuple[Sample, ReadRow]])
    rejected: list[ReadRow] = field(default_factory=list[ReadRow])
    left_out: Counter[str] = field(default_factory=Counter[str])
    num_read: int = 0
    num_missing: int = 0


def prepare(order: Order, on_progress: Progress = silent) -> Prepared:
    """Read a benchmark and write it as our JSONL.

    Args:
        order: What to read, which samples to take, where to write.
        on_progress: Told how far the work is.

    Raises:
        DataError: If the source has another layout; if a record or a picture cannot be used and
            may not be left out (they are listed in ``rejected/rejected.jsonl``); if the output is
            there already; if there are fewer samples than were asked for.
        CheckpointError: If the disk is full; an older folder is left as it was.
    """
    folder = PreparedFolder(order.to)
    folder.refuse_taken(overwrite=order.overwrite)
    try:
        return _prepared(order, folder, on_progress)
    finally:
        folder.drop_if_empty()


def _prepared(order: Order, folder: PreparedFolder, on_progress: Progress) -> Prepared:
    source = replace(order.source, pictures=folder.partial / "images")
    if order.draw.paper and order.name == "mme" and not source.categories:
        source = replace(source, categories=PAPER_CATEGORIES)
    reading = Reading(source, on_progress=on_progress)
    gathered = _read(order, reading, on_progress)
    _see_to_pictures(order, gathered, folder, on_progress)
    manifest = _manifest(order, reading, gathered)
    findings = [finding for row in gathered.rejected for finding in row.findings]
    if findings and not order.allow_rejected:
        listed = folder.write_failure(manifest, gathered.rejected)
        raise _refusal(order, findings, gathered, listed)
    samples = drawn([sample for sample, _ in gathered.kept], order.name, order.draw)
    if not samples:
        reasons = ", ".join(f"{n} {why}" for why, n in gathered.left_out.items()) or "none was left"
        raise DataError(f"{order.source.path} gives no sample of {order.name}: {reasons}")
    if order.copy_images:
        samples = copied(samples, folder.partial / "images", on_progress)
    manifest["records"]["not_drawn"] = len(gathered.kept) - len(samples)
    manifest["records"]["written"] = len(samples)
    file, manifest = folder.write(order.name, samples, manifest, gathered.rejected)
    return Prepared(file, samples, manifest)


def _read(order: Order, reading: Reading, on_progress: Progress) -> _Gathered:
    """Every record, sorted into kept, rejected and left out."""
    gathered = _Gathered()
    first_of_id: dict[str, tuple[Path, int]] = {}
    for row in READERS[order.name].read(reading):
        gathered.num_read += 1
        if row.findings:
            gathered.rejected.append(row)
        elif row.left_out:
            gathered.left_out[row.left_out] += 1
        elif row.sample is not None:
            # Publishers write whole documents on one line: two records may share theirs.
            first = first_of_id.get(row.sample.id)
            if first is not None:
                fix = "keep one of the two records"
                other = "" if first[0] == row.file else f" of {first[0]}"
                problem = f"the id stands on line {first[1]}{other} already"
                kind, value = FindingKind.DUPLICATE_ID, shown(row.sample.id)
                found = Finding(row.file, row.line, kind, problem, value, fix)
                gathered.rejected.append(replace(row, findings=(found,)))
            else:
                first_of_id[row.sample.id] = (row.file, row.line)
                # Of a million records, only what is rejected is kept whole.
                gathered.kept.append((row.sample, replace(row, record=None)))
        if gathered.num_read % 500 == 0:
            on_progress("Reading", row.share)
    on_progress("Reading", 1.0)
    return gathered


def _see_to_pictures(
    order: Order, gathered: _Gathered, folder: PreparedFolder, on_progress: Progress
) -> None:
    """Open each picture's header: true sizes, missing and broken ones."""
    check = PictureCheck()
    kept: list[tuple[Sample, ReadRow]] = []
    for number, (sample, row) in enumerate(gathered.kept, start=1):
        there = sample.image.is_file()
        if not there and order.allow_missing_images:
            gathered.num_missing += 1
            if order.source.images is None:
                # As the source names it: found later beside the file, or under --images.
                sample = replace(sample, image=folder.partial / row.image_name)
            kept.append((sample, row))
        else:
            seen, findings = check.seen(sample, row)
            if findings:
                record = {"id": sample.id, "question": sample.question, "image": row.image_name}
                gathered.rejected.append(replace(row, findings=findings, record=record))
            else:
                kept.append((seen, row))
        if number % 50 == 0 or number == len(gathered.kept):
            on_progress("Opening pictures", number / len(gathered.kept))
    gathered.kept = kept


def _manifest(order: Order, reading: Reading, gathered: _Gathered) -> dict[str, Any]:
    """What the samples were made of; outputs are added when they are written."""
    source = reading.source
    kinds = Counter(finding.kind.value for row in gathered.rejected for finding in row.findings)
    return {
        "set": order.name,
        "source": {
            "path": str(source.path),
            "images": None if source.images is None else str(source.images),
            "split": source.split,
            "boxes": [str(path) for path in source.boxes],
            "categories": list(source.categories),
        },
        "draw": {
            "num": order.draw.num,
            "seed": order.draw.seed,
            "counts": list(order.draw.counts),
            "paper": order.draw.paper,
        },
        "allowed": {
            "rejected": order.allow_rejected,
            "missing_images": order.allow_missing_images,
        },
        "templates": reading.templates,
        "inputs": [str(path) for path in dict.fromkeys(reading.files)],
        "records": {
            "read": gathered.num_read,
            "rejected": len(gathered.rejected),
            "left_out": gathered.left_out.total(),
            "missing_images": gathered.num_missing,
        },
        "rejected": dict(kinds.most_common()),
        "left_out": dict(gathered.left_out.most_common()),
        "notes": dict(reading.notes.most_common()),
    }


def _refusal(order: Order, findings: list[Finding], gathered: _Gathered, listed: Path) -> DataError:
    """The error for records that cannot be used, with where they are listed and what to do."""
    missing = sum(finding.kind is FindingKind.PICTURE_MISSING for finding in findings)
    fixes = ["mend them", "leave them out with --allow-rejected"]
    if missing:
        fixes.insert(1, "write the rows whose picture is missing with --allow-missing-images")
    text = str(error_of(findings[:5], len(findings))).split("\n  and ")[0]
    return DataError(
        f"{len(gathered.rejected)} of {gathered.num_read} records of {order.name} cannot be used:\n"
        f"{text}\nAll are listed in {listed}; {', or '.join(fixes)}"
    )
