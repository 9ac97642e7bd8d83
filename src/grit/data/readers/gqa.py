"""GQA: questions by id, and the scene graphs that their objects stand in.

A question's true boxes are those of the objects that its annotations name, in the question, in the
answer and in the full answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grit.data.finding import FindingKind, shown
from grit.data.readers.documents import Progress, Record, document_records, told
from grit.data.readers.layouts import known_records, one_file, only_file, records_of
from grit.data.readers.reader import Fields, Reading, ReadRow, read_row
from grit.data.readers.regions import clipped
from grit.data.readers.values import as_object, xywh_box
from grit.errors import DataError
from grit.geometry.box import Box

__all__ = ["GqaReader"]

_OBJECT_KEYS = ("name", "x", "y", "w", "h")
_PARTS = ("question", "answer", "fullAnswer")


@dataclass(frozen=True, slots=True)
class GqaReader:
    """Reads ``*_questions.json`` with ``*_sceneGraphs.json``."""

    name: str = "gqa"
    about: str = "GQA: questions with the boxes of their scene graphs"
    layouts: tuple[str, ...] = (
        "{train,val,testdev}_balanced_questions.json: one object, {id: {question, imageId, answer, "
        "fullAnswer, annotations, types}}; images are {imageId}.jpg",
        "{train,val}_sceneGraphs.json beside it, in sceneGraphs/ or given by --boxes: {imageId: "
        "{width, height, objects: {id: {name, x, y, w, h}}}}; testdev has none",
        "a folder with them; --split names one of several",
    )

    def read(self, reading: Reading) -> Iterator[ReadRow]:
        """Every question in turn; see ``Reader.read``."""
        source = reading.source
        file = one_file(
            self,
            source,
            ("*questions*.json", "*.json", "questions/*.json"),
            fits=lambda path: "sceneGraphs" not in path.name,
        )
        reading.files.append(file)
        records = known_records(self, file, records_of(self, file))
        split = file.stem.split("_")[0]
        graph_file = only_file(source.boxes) or _graphs_beside(file, split)
        graphs = None
        if graph_file is not None:
            asked = _pictures(told(records_of(self, file), "Questions", reading.on_progress))
            graphs = _read_graphs(graph_file, asked, reading.on_progress)
            reading.files.append(graph_file)
        for record in records:
            fields = Fields(record)
            row = _row(fields, split)
            if graphs is None:
                reading.notes["no boxes: no scene graphs"] += 1
            elif not fields.findings:
                row |= _regions(fields, graphs, reading.notes)
            yield read_row(record, row, source.images, findings=fields.findings)


def _pictures(records: Iterable[Record]) -> set[str]:
    """Pictures that are asked about: the graphs of all others are not kept."""
    return {str(as_object(record.value).get("imageId")) for record in records}


def _graphs_beside(file: Path, split: str) -> Path | None:
    """The scene graphs of the same part, where their publisher puts them."""
    name = f"{split}_sceneGraphs.json"
    places = (file.parent, file.parent / "sceneGraphs", file.parent.parent / "sceneGraphs")
    return next((place / name for place in places if (place / name).is_file()), None)


def _read_graphs(path: Path, wanted: set[str], on_progress: Progress) -> dict[str, dict[str, Any]]:
    """Sizes, names and boxes of the wanted pictures' graphs."""
    graphs: dict[str, dict[str, Any]] = {}
    for record in told(document_records(path), "Scene graphs", on_progress):
        graph = as_object(record.value)
        if not isinstance(graph.get("objects"), dict):
            raise DataError(
                f"{path}, line {record.line}: no scene graph (keys {', '.join(graph) or 'none'}); "
                "known is {imageId: {width, height, objects: {id: {name, x, y, w, h}}}}"
            )
        if record.key in wanted:
            things = as_object(graph["objects"])
            graphs[record.key] = {
                **{key: graph.get(key) for key in ("width", "height")},
                # Attributes and relations would fill the memory.
                "objects": {
                    number: {key: as_object(things[number]).get(key) for key in _OBJECT_KEYS}
                    for number in things
                },
            }
    return graphs


def _row(fields: Fields, split: str) -> dict[str, Any]:
    image = fields.values.get("imageId")
    name = f"{image}.jpg" if isinstance(image, str | int) and str(image).strip() else ""
    if not name:
        fix = "imageId is the picture's name without its ending"
        fields.fault(FindingKind.WRONG_TYPE, "imageId is no name", shown(image), fix)
    return {
        "id": f"gqa-{fields.record.key or fields.record.line}",
        "question": fields.text("question"),
        "answer": fields.text("answer"),
        "image": name,
        "dataset": "gqa",
        "split": split,
        **{
            key: fields.values[key]
            for key in ("fullAnswer", "types")
            if fields.values.get(key) is not None
        },
    }


def _regions(
    fields: Fields, graphs: dict[str, dict[str, Any]], notes: Counter[str]
) -> dict[str, Any]:
    """Size and boxes from the picture's scene graph; and why there are none."""
    graph = graphs.get(str(fields.values.get("imageId")))
    if graph is None:
        notes["no boxes: the picture has no scene graph"] += 1
        return {}
    width, height = graph.get("width"), graph.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    stated: dict[str, Any] = {"width": width, "height": height} if size else {}
    named = _named_objects(fields)
    if not named:
        if str(fields.values.get("answer")).strip().casefold() == "no":
            notes["boxes: an empty list, for nothing is there to point at"] += 1
            return {**stated, "bboxs": []}
        notes["no boxes: the annotations name no object"] += 1
        return stated
    boxes: list[list[float]] = []
    names: list[str] = []
    for number in named:
        thing = as_object(as_object(graph["objects"]).get(number))
        box = _box(thing)
        inside = None if box is None else clipped(box, size)
        if inside is None:
            notes["no boxes: a named object has no box in the scene graph"] += 1
            return stated
        if inside != box:
            notes["boxes cut off at the picture's border"] += 1
        boxes.append(list(inside.as_tuple()))
        names.append(str(thing.get("name", "")))
    notes["boxes from scene graphs"] += 1
    return {**stated, "bboxs": boxes, "objects": names}


def _named_objects(fields: Fields) -> list[str]:
    """Numbers of the objects in all three parts of the annotations, each once, in their order."""
    parts = as_object(fields.values.get("annotations"))
    named: dict[str, None] = {}
    for part in _PARTS:
        for number in as_object(parts.get(part)).values():
            # A span may name several objects, parted by commas.
            named |= dict.fromkeys(each.strip() for each in str(number).split(","))
    return list(named)


def _box(thing: object) -> Box | None:
    values = as_object(thing)
    return xywh_box([values.get(key) for key in ("x", "y", "w", "h")])
