"""The way between coordinate frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grit.errors import SpaceMismatchError
from grit.geometry.box import Box, Space
from grit.geometry.spaces import Frame, clamp_overshoot, from_pixels, to_pixels

sides = st.integers(1, 5000)
frames = st.builds(
    Frame,
    image_size=st.tuples(sides, sides),
    space=st.sampled_from(Space),
    resized_size=st.tuples(sides, sides),
)
edges = st.floats(0, 5000, allow_nan=False)
pixel_boxes = st.builds(Box, edges, edges, edges, edges)


@given(pixel_boxes, frames)
def test_pixels_to_any_space_and_back_is_the_same_box(box, frame):
    written = from_pixels(box, frame)
    assert written.space is frame.space
    assert to_pixels(written, frame).as_tuple() == pytest.approx(box.as_tuple(), abs=1e-9)


@given(frames)
def test_the_limits_of_a_space_are_the_picture(frame):
    width, height = frame.limits
    corner = to_pixels(Box(0, 0, width, height, frame.space), frame)
    assert corner.as_tuple() == pytest.approx((0, 0, *frame.image_size))


def test_resized_pixels_scale_each_axis_by_itself():
    # 640x354 becomes 588x308 under the limit of 256*28*28 pixels.
    frame = Frame((640, 354), Space.RESIZED, (588, 308))
    box = to_pixels(Box(294, 77, 588, 308, Space.RESIZED), frame)
    assert box.as_tuple() == pytest.approx((320, 88.5, 640, 354))


def test_a_thousandth_is_a_thousandth_of_each_side():
    frame = Frame((640, 480), Space.THOUSAND)
    box = to_pixels(Box(0, 250, 500, 1000, Space.THOUSAND), frame)
    assert box == Box(0.0, 120.0, 320.0, 480.0)


def test_a_resized_frame_without_its_size_says_what_is_missing():
    with pytest.raises(SpaceMismatchError, match="resized_size"):
        _ = Frame((640, 480), Space.RESIZED).scale


def test_boxes_of_another_space_are_refused():
    frame = Frame((640, 480), Space.THOUSAND)
    unit = Box(0, 0, 1, 1, Space.UNIT)
    with pytest.raises(SpaceMismatchError, match=r"Space\.UNIT"):
        to_pixels(unit, frame)
    with pytest.raises(SpaceMismatchError, match="to_pixels"):
        from_pixels(unit, frame)
    with pytest.raises(SpaceMismatchError, match=r"Space\.UNIT"):
        clamp_overshoot(unit, frame)


def test_a_little_over_a_thousand_is_the_edge():
    frame = Frame((640, 480), Space.THOUSAND)
    over = Box(-2, 10, 1003, 1000, Space.THOUSAND)
    assert clamp_overshoot(over, frame) == Box(0, 10, 1000, 1000, Space.THOUSAND)
    unit = Box(0, 0, 1.02, 1, Space.UNIT)
    assert clamp_overshoot(unit, Frame((640, 480), Space.UNIT)) == Box(0, 0, 1, 1, Space.UNIT)


@pytest.mark.parametrize(
    ("box", "frame"),
    [
        (Box(0, 0, 999, 1000, Space.THOUSAND), Frame((640, 480), Space.THOUSAND)),
        (Box(0, 0, 1400, 900, Space.THOUSAND), Frame((640, 480), Space.THOUSAND)),
        (Box(0, 0, 641, 480), Frame((640, 480))),
        (
            Box(0, 0, 590, 308, Space.RESIZED),
            Frame((640, 354), Space.RESIZED, (588, 308)),
        ),
    ],
    ids=["inside", "far outside", "pixels", "resized pixels"],
)
def test_what_is_inside_far_outside_or_in_pixels_is_not_clamped(box, frame):
    assert clamp_overshoot(box, frame) is box
