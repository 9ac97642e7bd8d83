"""Prompts against transformers' own processing: text, tokens, pixels, and the frame of boxes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from grit.errors import ModelError, PictureError
from grit.geometry.box import Box, Space
from grit.geometry.spaces import from_pixels, to_pixels
from tiny_qwen import (
    MAX_PIXELS,
    MIN_PIXELS,
    SIZES_AND_QUESTIONS,
    load,
    painted,
    plain_inputs,
)


@pytest.fixture(scope="module")
def model(tiny_folder):
    return load(tiny_folder)


def template(tmp_path, text):
    path = tmp_path / "template.jinja"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("size", "question"), SIZES_AND_QUESTIONS)
def test_a_prompt_is_what_transformers_makes_of_it(model, tiny_folder, size, question):
    picture = painted(size)
    ours = model.prepare(picture, question)
    expected = plain_inputs(tiny_folder, picture, question)
    assert torch.equal(ours.input_ids, expected["input_ids"][0])
    assert torch.equal(ours.image_mask, expected["mm_token_type_ids"][0].bool())
    assert torch.equal(ours.vision["pixel_values"], expected["pixel_values"])
    assert torch.equal(ours.vision["image_grid_thw"], expected["image_grid_thw"])


def test_the_picture_comes_before_the_question_and_the_answer_after_both(model):
    assert model.render("Where is it?") == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Where is it?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_system_prompt_takes_the_place_of_the_templates_own(tiny_folder):
    ours = load(tiny_folder, system_prompt="Answer in French.").prepare(painted((84, 84)), "Where?")
    assert ours.text.startswith("<|im_start|>system\nAnswer in French.<|im_end|>\n")
    assert "helpful" not in ours.text


def test_an_empty_system_prompt_is_one_too(tiny_folder):
    assert (
        load(tiny_folder, system_prompt="")
        .render("Where?")
        .startswith("<|im_start|>system\n<|im_end|>\n")
    )


def test_a_chat_template_of_the_recipe_takes_the_place_of_the_checkpoints(tiny_folder, tmp_path):
    path = template(
        tmp_path,
        "{% for m in messages %}{% for c in m['content'] %}"
        "{% if c['type'] == 'image' %}[<|image_pad|>]{% else %}Q: {{ c['text'] }}{% endif %}"
        "{% endfor %}{% endfor %} A:",
    )
    prepared = load(tiny_folder, chat_template=path).prepare(painted((84, 84)), "Why?")
    assert prepared.text == "[<|image_pad|>]Q: Why? A:"
    assert int(prepared.image_mask.sum()) == 9


@pytest.mark.parametrize(("text", "number"), [("no picture", "0"), ("<|image_pad|>" * 2, "2")])
def test_a_template_without_one_place_for_the_picture_is_an_error(
    tiny_folder, tmp_path, text, number
):
    other = load(tiny_folder, chat_template=template(tmp_path, text))
    with pytest.raises(ModelError) as caught:
        other.prepare(painted((84, 84)), "Why?")
    for part in (str(tiny_folder), number, "<|image_pad|>", "template"):
        assert part in str(caught.value)


def test_a_question_that_writes_the_picture_token_is_told_so(model):
    with pytest.raises(ModelError, match="question"):
        model.prepare(painted((84, 84)), "What does <|image_pad|> mean?")


@pytest.mark.parametrize(
    "text", ["{% for %}", "{{ messages[0].nothing.at_all }}", "{{ raise_exception('no images') }}"]
)
def test_a_template_that_cannot_be_rendered_is_an_error(tiny_folder, tmp_path, text):
    other = load(tiny_folder, chat_template=template(tmp_path, text))
    with pytest.raises(ModelError) as caught:
        other.prepare(painted((84, 84)), "Why?")
    assert str(tiny_folder) in str(caught.value)
    assert "template" in str(caught.value)


def test_a_template_file_that_is_not_there_is_named(tiny_folder, tmp_path):
    with pytest.raises(ModelError, match=r"gone\.jinja"):
        load(tiny_folder, chat_template=tmp_path / "gone.jinja")


def test_a_template_file_that_is_no_text_is_named(tiny_folder, tmp_path):
    path = tmp_path / "binary.jinja"
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(ModelError, match=r"binary\.jinja"):
        load(tiny_folder, chat_template=path)


@pytest.mark.parametrize(
    ("limit", "resized"), [(256 * 28 * 28, (588, 308)), (512 * 28 * 28, (644, 364))]
)
def test_the_frame_of_a_picture_of_640_by_354_follows_its_pixel_limit(tiny_folder, limit, resized):
    """Worked out by hand in Qwen's documents of the format."""
    frame = load(tiny_folder, max_pixels=limit).prepare(painted((640, 354)), "?").frame
    assert frame.image_size == (640, 354)
    assert frame.resized_size == resized
    assert frame.space is Space.RESIZED
    edge = to_pixels(Box(0, 0, *resized, Space.RESIZED), frame)
    assert edge.as_tuple() == pytest.approx((0, 0, 640, 354))


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
@pytest.mark.parametrize(
    "size", [(90, 300), (300, 90), (10, 10), (3000, 2000), (1, 1), (500, 3), (28, 28)]
)
def test_the_frame_is_the_size_that_transformers_resizes_to(model, size, mode):
    width, height = size
    picture = painted((30, 30), mode=mode).resize(size)
    assert picture.mode == mode
    prepared = model.prepare(picture, "Where?")
    expected = smart_resize(height, width, factor=28, min_pixels=MIN_PIXELS, max_pixels=MAX_PIXELS)
    assert prepared.frame.image_size == size
    assert prepared.frame.resized_size == expected[::-1]
    assert int(prepared.image_mask.sum()) == expected[0] * expected[1] // 28**2


def test_a_greyscale_or_palette_picture_is_seen_as_its_colours(model):
    grey = painted((84, 84), mode="L")
    palette = painted((84, 84)).convert("P")
    for picture in (grey, palette):
        seen, expected = (
            model.prepare(each, "?").vision["pixel_values"]
            for each in (picture, picture.convert("RGB"))
        )
        assert torch.equal(seen, expected)


@settings(max_examples=40)
@given(
    st.tuples(st.integers(10, 1500), st.integers(10, 1500)),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_box_rounded_to_what_a_model_writes_comes_back_within_a_unit(model, size, shares):
    frame = model.prepare(Image.new("RGB", size), "?").frame
    (left, right), (top, bottom) = sorted(shares[:2]), sorted(shares[2:])
    box = Box(left * size[0], top * size[1], right * size[0], bottom * size[1])
    written = from_pixels(box, frame)
    rounded = Box(*(float(round(edge)) for edge in written.as_tuple()), Space.RESIZED)
    back = to_pixels(rounded, frame)
    # A unit of what the model writes, in pixels of the original, on each axis by itself.
    units = [size[axis] / frame.resized_size[axis] for axis in (0, 1)]
    for place, (edge, right_edge) in enumerate(zip(back.as_tuple(), box.as_tuple(), strict=True)):
        assert abs(edge - right_edge) <= units[place % 2]


def test_a_mark_painted_on_the_picture_is_found_where_the_frame_puts_it(model):
    """The pixels that the processor made, looked at: scales are not swapped between the axes."""
    picture = Image.new("RGB", (400, 150), "black")
    truth = Box(300.0, 30.0, 380.0, 90.0)
    picture.paste("white", tuple(int(edge) for edge in truth.as_tuple()))
    prepared = model.prepare(picture, "Where?")
    width, height = prepared.frame.resized_size
    # Patches come in blocks of 2×2; each patch is (channel, time, row, column).
    grid = prepared.vision["pixel_values"].reshape(height // 28, width // 28, 2, 2, 3, 2, 14, 14)[
        ..., 0, 0, :, :
    ]
    shown = grid.permute(0, 2, 4, 1, 3, 5).reshape(height, width)
    ys, xs = torch.nonzero(shown > (shown.max() + shown.min()) / 2, as_tuple=True)
    painted_box = Box(
        float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1), Space.RESIZED
    )
    expected = from_pixels(truth, prepared.frame)
    for edge, right in zip(painted_box.as_tuple(), expected.as_tuple(), strict=True):
        assert abs(edge - right) <= 1.0


@pytest.mark.parametrize("size", [(2010, 10), (10, 2010)])
def test_a_picture_more_than_200_times_as_long_as_wide_is_an_error(model, size):
    with pytest.raises(PictureError, match="2010"):
        model.prepare(Image.new("RGB", size), "?")
