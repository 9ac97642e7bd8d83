import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grit.draw.boxes import BoxKind, DrawnBox, draw_boxes
from grit.draw.labels import overlap, place_tag, tag_image
from grit.draw.palette import TRUE_COLOUR, as_css, colour_of, ink_on
from grit.errors import SpaceMismatchError
from grit.geometry.box import Box, Space

WHITE = (255, 255, 255)


def canvas(width=600, height=500):
    return Image.new("RGB", (width, height), WHITE)


def where(image, colour):
    """(left, top, right, bottom) of the pixels of one colour, right and bottom excluded."""
    rows, columns = np.nonzero((np.asarray(image) == colour).all(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def changed(image):
    rows, columns = np.nonzero((np.asarray(image) != WHITE).any(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def num_pixels(image, colour):
    return int((np.asarray(image) == colour).all(axis=2).sum())


def test_a_box_is_outlined_on_its_own_pixels_and_its_inside_left_alone():
    drawn = draw_boxes(canvas(), [DrawnBox(Box(100, 50, 300, 200))])
    assert changed(drawn) == (100, 50, 300, 200)
    inside = np.asarray(drawn)[60:190, 110:290]
    assert (inside == WHITE).all()
    assert num_pixels(drawn, colour_of(0)) > 1000


def test_the_picture_given_is_not_drawn_on():
    image = canvas()
    draw_boxes(image, [DrawnBox(Box(100, 50, 300, 200), "dog")])
    assert num_pixels(image, WHITE) == 600 * 500


def test_a_tiny_picture_is_enlarged_by_a_whole_factor_without_smoothing():
    image = Image.new("RGB", (84, 84), WHITE)
    image.putpixel((40, 40), (1, 2, 3))
    drawn = draw_boxes(image, [DrawnBox(Box(10, 20, 30, 40))])
    assert drawn.size == (504, 504)
    assert where(drawn, (1, 2, 3)) == (240, 240, 246, 246)
    left, top, right, bottom = where(drawn, colour_of(0))
    assert 60 <= left <= 63
    assert 120 <= top <= 123
    assert 177 <= right <= 180
    assert 237 <= bottom <= 240


def test_large_pictures_keep_their_size_and_strips_do_not_explode():
    assert draw_boxes(canvas(3000, 2000), []).size == (3000, 2000)
    assert draw_boxes(canvas(3000, 4), []).size == (4096, 5)
    assert draw_boxes(canvas(9000, 4), []).size == (9000, 4)
    # Whole factors: 4 would reach 4800.
    assert draw_boxes(canvas(1200, 9), []).size == (3600, 27)


def test_each_mention_has_its_own_colour_and_true_boxes_theirs():
    boxes = [
        DrawnBox(Box(10, 10, 100, 100)),
        DrawnBox(Box(110, 10, 200, 100), kind=BoxKind.TRUE),
        DrawnBox(Box(210, 10, 300, 100)),
        DrawnBox(Box(310, 10, 400, 100), index=5),
    ]
    drawn = draw_boxes(canvas(), boxes)
    for colour, left in [
        (colour_of(0), 10),
        (TRUE_COLOUR, 110),
        (colour_of(1), 210),
        (colour_of(5), 310),
    ]:
        assert left <= where(drawn, colour)[0] <= left + 2


def test_a_true_box_is_dashed_and_shows_the_mention_beneath_it():
    box = Box(100, 100, 400, 400)
    solid = draw_boxes(canvas(), [DrawnBox(box)])
    dashed = draw_boxes(canvas(), [DrawnBox(box, kind=BoxKind.TRUE)])
    share = num_pixels(dashed, TRUE_COLOUR) / num_pixels(solid, colour_of(0))
    assert 0.3 < share < 0.7
    both = draw_boxes(canvas(), [DrawnBox(box), DrawnBox(box, kind=BoxKind.TRUE)])
    assert num_pixels(both, TRUE_COLOUR) == num_pixels(dashed, TRUE_COLOUR)
    assert num_pixels(both, colour_of(0)) > 0.3 * num_pixels(solid, colour_of(0))


def test_a_box_beyond_the_border_is_cut_off_there():
    drawn = draw_boxes(canvas(), [DrawnBox(Box(-50, 400, 9e9, math.inf))])
    assert changed(drawn) == (0, 400, 600, 500)


@pytest.mark.parametrize(
    "box",
    [
        Box(300, 50, 100, 200),
        Box(100, 50, 100, 200),
        Box(700, 50, 800, 90),
        Box(math.nan, 50, 300, 90),
        Box(10, 50, 300, math.nan),
        Box(math.inf, 0, math.inf, 9),
    ],
)
def test_a_box_that_encloses_nothing_is_left_out_with_its_tag(box):
    assert num_pixels(draw_boxes(canvas(), [DrawnBox(box, "dog")]), WHITE) == 600 * 500


def test_a_box_left_out_keeps_its_colours_place():
    drawn = draw_boxes(canvas(), [DrawnBox(Box(9, 9, 5, 5)), DrawnBox(Box(10, 10, 99, 99))])
    assert num_pixels(drawn, colour_of(1)) > 0


def test_a_box_in_another_space_is_refused():
    with pytest.raises(SpaceMismatchError, match="thousand"):
        draw_boxes(canvas(), [DrawnBox(Box(1, 2, 3, 4, Space.THOUSAND))])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "RGB"])
def test_pictures_of_any_mode_are_drawn_on(mode):
    drawn = draw_boxes(Image.new(mode, (50, 50)), [DrawnBox(Box(5, 5, 20, 20), "a")])
    assert drawn.mode == "RGB"


def test_tags_stand_inside_the_picture_and_apart():
    boxes = [DrawnBox(Box(5, 5, 595, 495), f"thing {n}") for n in range(4)]
    taken = []
    for number, drawn in enumerate(boxes):
        tag = tag_image(drawn.label, colour=colour_of(number), font_size=16, max_width=300)
        place = place_tag(tag.size, (5, 5, 595, 495), taken, (600, 500))
        assert place[0] >= 0
        assert place[1] >= 0
        assert place[2] <= 600
        assert place[3] <= 500
        assert all(overlap(place, other) == 0 for other in taken)
        taken.append(place)


def test_a_tag_stands_on_its_box_where_there_is_room_above():
    assert place_tag((40, 20), (100, 50, 300, 200), [], (600, 500)) == (100, 30, 140, 50)
    assert place_tag((40, 20), (100, 5, 300, 200), [], (600, 500)) == (100, 200, 140, 220)


def test_long_labels_are_cut_to_the_width():
    tag = tag_image("a very long label " * 10_000, colour=WHITE, font_size=16, max_width=200)
    assert tag.width <= 200
    assert tag_image("dog", colour=WHITE, font_size=16, max_width=200).width < 60


@pytest.mark.parametrize("text", ["", "  \n\t", "\x00\u202e\u0301"])
def test_labels_with_nothing_to_show_have_no_tag(text):
    assert tag_image(text, colour=WHITE, font_size=16, max_width=200) is None


anything = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-50, 200).map(float)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    boxes=st.lists(
        st.builds(
            DrawnBox,
            box=st.builds(Box, anything, anything, anything, anything, st.just(Space.PIXELS)),
            label=st.none() | st.text(st.characters(codec=None), max_size=80),
            kind=st.sampled_from(BoxKind),
            index=st.none() | st.integers(-3, 40),
        ),
        max_size=4,
    ),
)
def test_nothing_that_a_model_writes_raises(size, boxes):
    drawn = draw_boxes(Image.new("RGB", size), boxes, min_side=100)
    assert drawn.mode == "RGB"
    assert min(drawn.size) >= min(size)


def test_neighbouring_colours_of_the_palette_are_far_apart():
    colours = [colour_of(index) for index in range(10)] + [TRUE_COLOUR]
    assert colour_of(10) == colour_of(0)
    for first in range(11):
        for second in range(first):
            assert math.dist(colours[first], colours[second]) > 60


def test_ink_reads_on_every_colour():
    def luminance(colour):  # WCAG 2.1
        parts = [c / 255 for c in colour]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in [colour_of(index) for index in range(10)] + [TRUE_COLOUR]:
        dark, light = sorted([luminance(colour), luminance(ink_on(colour))])
        assert (light + 0.05) / (dark + 0.05) > 3


def test_colours_are_written_for_css():
    assert as_css((255, 0, 16)) == "#ff0010"
