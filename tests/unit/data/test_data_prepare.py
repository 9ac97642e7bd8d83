import hashlib
import json

import pytest
from PIL import Image

from grit.data.jsonl import read_samples
from grit.data.mix import prepare_mix
from grit.data.prepare import Order, prepare
from grit.data.readers.reader import Source
from grit.data.sampling import Draw
from grit.errors import DataError

VSR = {"image": "a.png", "caption": "The cat is on the mat.", "label": 1, "relation": "on"}


@pytest.fixture
def source(tmp_path):
    """A VSR file of three captions, and the picture of all."""
    folder = tmp_path / "from"
    folder.mkdir()
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    rows = [VSR, VSR | {"label": 0}, VSR | {"caption": "The mat is under the cat."}]
    (folder / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def append(source, row):
    with (source / "dev.jsonl").open("a") as file:
        file.write(row if isinstance(row, str) else json.dumps(row) + "\n")


def order(source, **keywords):
    return Order("vsr", Source(source), source.parent / "to", **keywords)


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_samples_read_back_and_the_manifest_counts_and_hashes_them(source, tmp_path):
    made = prepare(order(source))
    to = tmp_path / "to"
    assert listing(to) == ["manifest.json", "vsr.jsonl"]
    samples = read_samples(to / "vsr.jsonl", must_exist=True)
    assert [sample.answer for sample in samples] == ["Yes", "No", "Yes"]
    assert samples[0].image_size == (40, 30)
    manifest = json.loads((to / "manifest.json").read_text())
    assert manifest == made.manifest
    assert manifest["complete"] is True
    assert manifest["templates"] == {"question": "Is it true that {caption}?"}
    records = {"read": 3, "written": 3, "rejected": 0, "left_out": 0, "not_drawn": 0}
    assert manifest["records"] == records | {"missing_images": 0}
    for described, path in (
        (manifest["inputs"][0], source / "dev.jsonl"),
        (manifest["outputs"][0], to / "vsr.jsonl"),
    ):
        assert described["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert described["bytes"] == path.stat().st_size


def test_the_same_order_writes_the_same_bytes(source, tmp_path):
    prepare(order(source))
    before = (tmp_path / "to/vsr.jsonl").read_bytes()
    prepare(order(source, overwrite=True))
    assert (tmp_path / "to/vsr.jsonl").read_bytes() == before


def test_a_record_that_cannot_be_used_fails_and_is_listed_with_file_line_and_reason(source):
    append(source, VSR | {"label": 7})
    append(source, "no json\n")
    with pytest.raises(DataError) as caught:
        prepare(order(source))
    message = str(caught.value)
    assert "2 of 5 records of vsr cannot be used" in message
    assert "line 4: label is neither 0 nor 1 (found 7)" in message
    assert "--allow-rejected" in message
    to = source.parent / "to"
    assert listing(to) == ["manifest.json", "rejected/rejected.jsonl"]
    assert sorted(path.name for path in source.parent.iterdir()) == ["from", "to"]
    first, second = map(json.loads, (to / "rejected/rejected.jsonl").read_text().splitlines())
    assert (first["file"], first["line"]) == (str(source / "dev.jsonl"), 4)
    assert first["record"] == VSR | {"label": 7}
    assert first["reasons"][0].startswith("label is neither 0 nor 1")
    assert (second["line"], second["kinds"]) == (5, ["malformed_row"])
    manifest = json.loads((to / "manifest.json").read_text())
    assert manifest["complete"] is False
    assert manifest["records"]["rejected"] == 2
    assert manifest["rejected"] == {"wrong_type": 1, "malformed_row": 1}


def test_with_the_flag_the_others_are_written_and_a_failed_folder_gives_way(source):
    append(source, VSR | {"label": 7})
    with pytest.raises(DataError):
        prepare(order(source))
    made = prepare(order(source, allow_rejected=True))
    assert listing(source.parent / "to") == [
        "manifest.json",
        "rejected/rejected.jsonl",
        "vsr.jsonl",
    ]
    assert len(made.samples) == 3
    assert made.manifest["records"]["rejected"] == 1


def test_missing_pictures_fail_unless_every_row_is_to_be_written(source, tmp_path):
    append(source, VSR | {"image": "later/b.png"})
    with pytest.raises(DataError, match=r"is not there (.|\n)*--allow-missing-images"):
        prepare(order(source))
    made = prepare(order(source, allow_missing_images=True))
    assert made.manifest["records"]["missing_images"] == 1
    assert made.manifest["records"]["written"] == 4
    row = json.loads((tmp_path / "to/vsr.jsonl").read_text().splitlines()[3])
    # As the source names it, so that it is found once it lies beside the file.
    assert row["image"] == "later/b.png"
    (tmp_path / "to/later").mkdir()
    Image.new("RGB", (4, 3)).save(tmp_path / "to/later/b.png")
    assert len(read_samples(tmp_path / "to/vsr.jsonl", must_exist=True)) == 4


def test_a_missing_picture_is_expected_in_the_folder_that_was_named(source, tmp_path):
    (tmp_path / "later").mkdir()
    elsewhere = Source(source, images=tmp_path / "later")
    made = prepare(Order("vsr", elsewhere, tmp_path / "to", allow_missing_images=True))
    assert made.manifest["records"]["missing_images"] == 3
    (sample, *_) = read_samples(made.file)
    assert sample.image == tmp_path / "later/a.png"


def test_a_broken_picture_is_rejected_whatever_is_allowed(source):
    (source / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="is no picture that can be read"):
        prepare(order(source, allow_missing_images=True))


def test_boxes_for_a_picture_of_another_size_are_rejected(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    row = {"question": "q", "answer": "a", "image": "a.png", "dataset": "vsr"}
    rows = [
        row | {"width": 80, "height": 60, "bboxs": [[1, 1, 70, 50]]},
        row | {"bboxs": [[1, 1, 70, 20]]},
    ]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError) as caught:
        prepare(Order("grit-data", Source(tmp_path / "x.jsonl"), tmp_path / "to"))
    assert "the picture is 40×30, unlike the size that its boxes are for" in str(caught.value)
    assert "reaches 30 px outside the 40×30 picture" in str(caught.value)


def test_what_stands_there_is_not_overwritten_without_the_flag(source, tmp_path):
    (tmp_path / "to").mkdir()
    (tmp_path / "to/mine.txt").touch()
    for overwrite in (False, True):
        with pytest.raises(DataError, match="holds files that grit did not prepare"):
            prepare(order(source, overwrite=overwrite))
    (tmp_path / "to/mine.txt").unlink()
    prepare(order(source))
    before = (tmp_path / "to/vsr.jsonl").read_bytes()
    with pytest.raises(DataError, match="--overwrite"):
        prepare(order(source))
    append(source, VSR | {"label": 7})
    with pytest.raises(DataError, match=r"partial/rejected/rejected\.jsonl"):
        prepare(order(source, overwrite=True))
    assert (tmp_path / "to/vsr.jsonl").read_bytes() == before


def test_what_grit_did_not_prepare_stays_with_the_flag_too(source, tmp_path):
    run = tmp_path / "to"
    run.mkdir()
    (run / "manifest.json").write_text(json.dumps({"version": 1, "model": "a run's own"}))
    (run / "steps.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="did not prepare"):
        prepare(order(source, overwrite=True))
    assert listing(run) == ["manifest.json", "steps.jsonl"]
    for path in run.iterdir():
        path.unlink()
    prepare(order(source))
    (run / "notes.md").write_text("mine")
    with pytest.raises(DataError, match=r"did not prepare \(notes.md\)"):
        prepare(order(source, overwrite=True))
    assert (run / "notes.md").read_text() == "mine"


def test_a_manifest_that_is_no_object_is_nobody_s(source, tmp_path):
    (tmp_path / "to").mkdir()
    (tmp_path / "to/manifest.json").write_text("[1]")
    with pytest.raises(DataError, match="did not prepare"):
        prepare(order(source, overwrite=True))


def test_pictures_are_copied_each_once_and_two_of_one_name_stay_apart(source, tmp_path):
    other = source / "sub"
    other.mkdir()
    Image.new("RGB", (40, 30), "red").save(other / "a.png")
    append(source, VSR | {"image": "sub/a.png"})
    made = prepare(order(source, copy_images=True))
    copies = {sample.image.name for sample in read_samples(made.file, must_exist=True)}
    digest = hashlib.sha256((other / "a.png").read_bytes()).hexdigest()[:12]
    assert copies == {"a.png", f"{digest}-a.png"}
    assert len(list((tmp_path / "to/images").iterdir())) == 2
    assert not (tmp_path / ".to.partial").exists()


def test_a_run_that_was_cut_short_goes_on_with_its_pictures(source, tmp_path):
    class Stopped(BaseException):
        pass

    def stop(stage, share):
        if stage == "Copying pictures":
            raise Stopped

    with pytest.raises(Stopped):
        prepare(order(source, copy_images=True), stop)
    assert not (tmp_path / "to").exists()
    copy = tmp_path / ".to.partial/images/a.png"
    made_at = copy.stat().st_mtime_ns
    prepare(order(source, copy_images=True))
    assert (tmp_path / "to/images/a.png").stat().st_mtime_ns == made_at
    assert not (tmp_path / ".to.partial").exists()


def test_two_records_of_one_id_are_not_both_taken(tmp_path):
    questions = [
        {"image": "a.png", "question": "How many?", "answer": 1, "question_id": 5, "issimple": True}
    ] * 2
    (tmp_path / "test.json").write_text(json.dumps(questions, indent=0))
    with pytest.raises(DataError, match="line 9: the id stands on line 2 already"):
        prepare(
            Order(
                "tallyqa",
                Source(tmp_path / "test.json"),
                tmp_path / "to",
                allow_missing_images=True,
            )
        )


def test_two_records_of_one_id_on_one_line_are_not_both_taken(tmp_path):
    row = {"image": "a.png", "question": "How many?", "answer": 1, "question_id": 5}
    (tmp_path / "test.json").write_text(json.dumps([row | {"issimple": True}] * 2))
    asked = Order(
        "tallyqa",
        Source(tmp_path / "test.json"),
        tmp_path / "to",
        allow_missing_images=True,
        allow_rejected=True,
    )
    made = prepare(asked)
    assert [sample.id for sample in made.samples] == ["tallyqa-test-5"]
    assert made.manifest["rejected"] == {"duplicate_id": 1}


def test_a_mix_takes_no_sample_from_two_files(source, tmp_path):
    prepare(order(source))
    with pytest.raises(DataError, match="both hold the sample vsr-dev-1; name each set once"):
        prepare_mix([tmp_path / "to"] * 2, tmp_path / "mix", Draw(num=2))


def test_a_mix_of_prepared_sets_has_a_manifest_of_its_own(source, tmp_path):
    prepare(order(source))
    rows = [
        {
            "image": "a.png",
            "question": "How many?",
            "answer": n % 5,
            "issimple": True,
            "question_id": n,
        }
        for n in range(10)
    ]
    (source / "train.json").write_text(json.dumps(rows))
    prepare(Order("tallyqa", Source(source / "train.json"), tmp_path / "counts"))
    paths = [tmp_path / "to", tmp_path / "counts/tallyqa.jsonl"]
    with pytest.raises(DataError, match="needs 10 samples of vsr, and there are 3"):
        prepare_mix(paths, tmp_path / "mix", Draw())
    with pytest.raises(DataError, match="need 1 with the count 0"):
        prepare_mix(paths[:1], tmp_path / "mix", Draw(num=6))
    made = prepare_mix(paths, tmp_path / "mix", Draw(num=6))
    samples = read_samples(made.file, must_exist=True)
    assert [s.dataset for s in samples] == ["vsr"] * 3 + ["tallyqa"] * 3
    assert made.manifest["records"]["not_drawn"] == 7
    assert made.manifest["true_counts"] == {"0": 1, "1": 1, "2": 1}
