"""What each family makes of pictures, boxes and limits, over a tiny model of each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from grit.data.pictures import open_picture
from grit.errors import ModelError, PictureError
from grit.geometry.box import Box, Space
from grit.geometry.spaces import from_pixels
from grit.models.family import PixelLimits
from grit.models.load import save_model
from grit.traces.parse import parse_trace
from tiny_models import TILE, plain_inputs
from tiny_qwen import SIZES_AND_QUESTIONS, load, painted

SPACES = {
    "qwen2_5_vl": Space.RESIZED,
    "qwen3_vl": Space.THOUSAND,
    "internvl": Space.THOUSAND,
}

PICTURES = {
    "portrait": (painted((90, 300)), {}),
    "landscape": (painted((640, 354)), {}),
    "tiny": (painted((5, 3)), {}),
    "huge": (Image.new("RGB", (3000, 2000), "navy"), {}),
    "palette": (painted((120, 80)).convert("P"), {}),
    "greyscale": (painted((80, 120), mode="L"), {}),
    "transparent": (painted((100, 70)).convert("RGBA"), {}),
    "rotated": (painted((200, 100)), {"exif": 6}),
}


@pytest.fixture(scope="module")
def model(family_folder):
    return load(family_folder)


@pytest.fixture
def copied(family_folder, tmp_path):
    """A copy of the folder, to change."""
    return Path(shutil.copytree(family_folder, tmp_path / "copy"))


def saved(kind, folder) -> Path:
    picture, settings = PICTURES[kind]
    exif = Image.Exif()
    if "exif" in settings:
        exif[0x0112] = settings["exif"]
    picture.save(folder / "picture.png", exif=exif)
    return folder / "picture.png"


def as_written(word, edges) -> str:
    """One box in the family's own spelling."""
    numbers = ", ".join(str(round(edge)) for edge in edges)
    if word == "internvl":
        return f"<ref>star</ref><box>[[{numbers}]]</box>"
    return '{"bbox_2d": [' + numbers + '], "label": "star"}'


@pytest.mark.parametrize(("size", "question"), SIZES_AND_QUESTIONS)
def test_a_prompt_is_what_the_processor_of_the_family_makes_of_it(
    model, family_folder, size, question
):
    picture = painted(size)
    ours = model.prepare(picture, question)
    expected = plain_inputs(family_folder, picture, question)
    assert torch.equal(ours.input_ids, expected["input_ids"][0])
    assert torch.equal(ours.vision["pixel_values"], expected["pixel_values"])


@pytest.mark.parametrize("kind", PICTURES)
def test_a_box_goes_to_what_the_model_writes_and_back_within_a_unit(model, kind, tmp_path):
    picture = open_picture(saved(kind, tmp_path))
    width, height = picture.size
    assert (width < height) == (kind in ("portrait", "greyscale", "rotated"))
    frame = model.prepare(picture, "Where?").frame
    word = model.family.word
    assert frame.image_size == (width, height)
    assert frame.space is SPACES[word]
    grid = frame.resized_size if word == "qwen2_5_vl" else (1000, 1000)
    truth = Box(0.13 * width, 0.2 * height, 0.71 * width, 0.98 * height)
    trace = parse_trace(as_written(word, from_pixels(truth, frame).as_tuple()), frame)
    (mention,) = trace.mentions
    assert mention.label == "star"
    units = (width / grid[0], height / grid[1])
    for place, (edge, right) in enumerate(
        zip(mention.box.as_tuple(), truth.as_tuple(), strict=True)
    ):
        assert abs(edge - right) <= units[place % 2]
    whole = as_written(word, (0, 0, *grid))
    assert parse_trace(whole, frame).mentions[0].box.as_tuple() == pytest.approx(
        (0, 0, width, height)
    )


def shown(model, pixels, frame) -> torch.Tensor:
    """One channel of what the tower is shown of the whole picture; shape (row, column)."""
    if model.family.word == "internvl":
        return pixels[-1, 0]
    width, height = frame.resized_size
    side = model.image_processor.patch_size
    block = 2 * side
    # Patches come in blocks of 2×2; each patch is (channel, time, row, column).
    grid = pixels.reshape(height // block, width // block, 2, 2, 3, 2, side, side)[..., 0, 0, :, :]
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(height, width)


def test_a_mark_on_the_picture_is_shown_where_the_model_should_say_it_is(model):
    """Looked at in the processor's pixels: scales are not swapped between the axes."""
    picture = Image.new("RGB", (400, 150), "black")
    truth = (300, 30, 380, 90)
    picture.paste("white", truth)
    prepared = model.prepare(picture, "Where?")
    image = shown(model, prepared.vision["pixel_values"], prepared.frame)
    ys, xs = torch.nonzero(image > (image.max() + image.min()) / 2, as_tuple=True)
    seen = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    limits = prepared.frame.limits
    said = from_pixels(Box(*map(float, truth)), prepared.frame).as_tuple()
    for place, edge in enumerate(seen):
        side = image.shape[1 - place % 2]
        assert abs(float(edge) / side - said[place] / limits[place % 2]) <= 1 / side


def test_special_tokens_of_boxes_stay_in_the_text_and_others_do_not(model):
    text = as_written(model.family.word, (1, 20, 300, 1000))
    spelled = f"<think> {text}<|im_start|> </think><|im_end|><|endoftext|>"
    tokens = model.tokenizer(spelled, add_special_tokens=False)["input_ids"]
    assert model.read(tokens) == f"<think> {text} </think>"


def test_a_picture_token_that_the_tokenizer_does_not_know_is_an_error(copied):
    path = copied / "config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(settings | {"image_token_id": 400}), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        load(copied).prepare(painted((84, 84)), "?")
    for part in (str(copied), "400", "tokenizer", "one checkpoint"):
        assert part in str(caught.value)


def test_weights_with_a_layer_missing_are_not_made_up(copied):
    from safetensors.torch import load_file, save_file

    path = copied / "model.safetensors"
    weights = load_file(path)
    name = next(each for each in weights if each.endswith("layers.1.mlp.up_proj.weight"))
    del weights[name]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"layers\.1\.mlp\.up_proj\.weight"):
        load(copied)


def test_a_template_that_lies_with_the_processor_alone_is_found(copied, model):
    template = copied / "chat_template.jinja"
    text = template.read_text(encoding="utf-8")
    template.unlink()
    (copied / "chat_template.json").write_text(
        json.dumps({"chat_template": text}), encoding="utf-8"
    )
    assert load(copied).render("Where?") == model.render("Where?")


def test_a_prompt_over_the_limit_is_refused_with_its_size_and_what_to_set(family_folder, model):
    picture, question = painted((112, 84)), "How many red circles are there?"
    inputs = model.prepare(picture, question)
    length = len(inputs.input_ids)
    load(family_folder, max_prompt_tokens=length).prepare(picture, question)
    short = load(family_folder, max_prompt_tokens=length - 1)
    with pytest.raises(PictureError) as caught:
        short.prepare(picture, question)
    tokens = str(int(inputs.image_mask.sum()))
    for part in (str(length), str(length - 1), tokens, "112×84", "max_pixels", "max_prompt_tokens"):
        assert part in str(caught.value)


def test_without_a_limit_of_the_recipe_the_models_positions_are_one(family_folder, model):
    assert model.max_prompt_tokens == 4096
    with pytest.raises(ModelError, match=r"4097.* 4096 positions"):
        load(family_folder, max_prompt_tokens=4097)


@pytest.fixture(scope="module")
def internvl(tmp_path_factory):
    from tiny_models import build_folder

    return build_folder("internvl", tmp_path_factory.mktemp("tiles") / "internvl")


@pytest.mark.parametrize(
    ("settings", "limits", "tiles"),
    [
        ({}, (1, 6), 7),
        ({"max_pixels": 4 * TILE**2}, (1, 4), 5),
        ({"max_pixels": 5 * TILE**2 - 1}, (1, 4), 5),
        ({"max_pixels": TILE**2}, (1, 1), 1),
        ({"min_pixels": 5 * TILE**2 + 1}, (6, 6), 7),
    ],
)
def test_pixel_limits_are_whole_tiles_and_the_view_of_the_whole_is_one_more(
    internvl, settings, limits, tiles, tmp_path
):
    model = load(internvl, **settings)
    assert model.limits == PixelLimits(*(number * TILE**2 for number in limits))
    prepared = model.prepare(painted((120, 80)), "?")
    # 3:2 fits six tiles; by hand, of at most four the nearest to it is 2:1 or 1:1, then 4 or 2.
    allowed = {tiles} if limits[1] != 4 else {3, 5}
    assert len(prepared.vision["pixel_values"]) in allowed
    assert int(prepared.image_mask.sum()) == 4 * len(prepared.vision["pixel_values"])
    save_model(model, tmp_path / "saved")
    assert load(tmp_path / "saved").limits == model.limits


@pytest.mark.parametrize(
    "settings",
    [{"max_pixels": TILE**2 - 1, "min_pixels": 1},
     {"min_pixels": TILE**2 + 1, "max_pixels": 2 * TILE**2 - 1}],
)  # fmt: skip
def test_limits_between_which_no_tiles_lie_are_refused(internvl, settings):
    with pytest.raises(ModelError) as caught:
        load(internvl, **settings)
    for value in (*settings.values(), "model.max_pixels", "tiles"):
        assert str(value) in str(caught.value)
