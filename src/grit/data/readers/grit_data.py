"""GRIT_data: the authors' JSON Lines, whose rows are a part of our own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grit.data.readers.documents import line_records
from grit.data.readers.layouts import known_records, one_file
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row

__all__ = ["GritDataReader"]


@dataclass(frozen=True, slots=True)
class GritDataReader:
    """Reads ``{question, answer, image, width, height, bboxs, dataset, split}``, one a line."""

    name: str = "grit-data"
    about: str = "the authors' GRIT_data: question, answer, image, bboxs, one JSON object a line"
    layouts: tuple[str, ...] = (
        "a .jsonl file with question, answer, image; maybe width, height, bboxs, dataset, split",
        "a folder with such files (vsr_val.jsonl, tallyqa_train_10.jsonl, …); --split names one",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every row in turn; see ``Reader.read``."""
        source = reading.source
        file = one_file(
            self,
            source,
            ("*.jsonl",),
        )
        reading.files.append(file)
        records = known_records(self, file, line_records(file))
        for record in records:
            row = Fields(record).values
            images = source.images or _folder_of_set(file, str(row.get("dataset") or ""))
            yield read_row(record, row, images)


def _folder_of_set(file: Path, dataset: str) -> Path | None:
    """The set's own folder of pictures beside the file, where there is one."""
    for name in (dataset, file.stem) if dataset else (file.stem,):
        if (file.parent / name).is_dir():
            return file.parent / name
    return None
