import base64
import csv
import io
import zlib

import pytest
from PIL import Image
from reading import faults_of, read, samples_of

from grit.errors import DataError


def encoded(colour, kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, format=kind)
    return base64.b64encode(file.getvalue()).decode()


def write_tsv(path, heading, *rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(heading)
        writer.writerows(rows)
    return path


HEADING = ("index", "image", "question", "hint", "A", "B", "answer", "category")


def test_pictures_are_written_once_and_a_letter_becomes_its_choice(tmp_path):
    red = encoded("red")
    path = write_tsv(
        tmp_path / "MMBench.tsv",
        HEADING,
        (0, red, "Which colour?", "Look\tclosely.", "blue", "red", "B", "colour"),
        (1, "0", "Is it\nred?", "", "", "", "yes", "existence"),
        (2, encoded("blue", "JPEG"), "Which?", "", "blue", "red", "blue", "colour"),
    )
    first, second, third = samples_of("vlmevalkit", path, pictures=tmp_path / "to")
    assert first.id == "MMBench-0"
    assert first.answer == "red"
    assert first.question == "Look\tclosely.\nWhich colour?\nChoices:\n(A) blue\n(B) red"
    assert first.extra == {
        "category": "colour",
        "choices": ["blue", "red"],
        "question_type": "multi_choice",
    }
    assert second.image == first.image
    assert (second.question, second.answer) == ("Is it\nred?", "yes")
    assert third.image.suffix == ".jpg"
    assert first.image.read_bytes() == base64.b64decode(red)
    assert sorted((tmp_path / "to").iterdir()) == sorted({first.image, third.image})


def test_what_cannot_be_used_is_a_fault_on_its_line(tmp_path):
    path = write_tsv(
        tmp_path / "set.tsv",
        HEADING,
        (0, "A" * 80, "No picture?\nOn two lines", "", "", "", "yes", ""),
        (1, "7", "No such row?", "", "", "", "yes", ""),
        (2, encoded("red"), "Which?", "", "blue", "red", "D", ""),
        (3, str([encoded("red"), encoded("blue")]), "Two?", "", "", "", "yes", ""),
        (4, encoded("red"), "Cut short?"),
    )
    found = faults_of("vlmevalkit", path, pictures=tmp_path / "to")
    assert [(line, text.partition(" (")[0]) for line, text in found] == [
        (2, "its picture is no base64 of a picture"),
        (4, "no earlier row has the picture"),
        (5, "the answer is none of the choices"),
        (6, "the row has 2 pictures; exactly one is read"),
        (7, "the row has 3 columns of 8"),
    ]


def test_a_picture_too_large_to_open_is_a_fault(tmp_path):
    content = bytearray(base64.b64decode(encoded("red")))
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height of the PNG's header
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    cell = base64.b64encode(content).decode()
    path = write_tsv(tmp_path / "set.tsv", HEADING, (0, cell, "Is it?", "", "", "", "yes", ""))
    ((line, text),) = faults_of("vlmevalkit", path, pictures=tmp_path / "to")
    assert line == 2
    assert "3600000000 pixels" in text


def test_a_picture_may_be_named(tmp_path):
    path = write_tsv(
        tmp_path / "set.tsv",
        ("index", "image_path", "question", "answer"),
        (0, "a.png", "Is it red?", "yes"),
    )
    (sample,) = samples_of("vlmevalkit", path, images=tmp_path)
    assert sample.image == tmp_path / "a.png"


def test_a_table_without_pictures_is_refused_with_its_heading(tmp_path):
    path = write_tsv(tmp_path / "set.tsv", ("index", "question", "answer"), (0, "a", "b"))
    with pytest.raises(DataError, match=r'its first line is \["index", "question", "answer"\]'):
        read("vlmevalkit", path)
