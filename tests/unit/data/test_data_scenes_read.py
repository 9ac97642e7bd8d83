"""Pictures of the built-in world read back: held against the scenes that they were drawn from."""

from __future__ import annotations

from itertools import islice

import pytest
from PIL import Image

from grit.data.scenes.generate import Part, scenes
from grit.data.scenes.read import read_scene
from grit.data.scenes.scene import draw_scene
from grit.errors import PictureError


@pytest.mark.parametrize("part", [Part.TEST, Part.VALIDATION])
def test_a_drawn_scene_reads_back_as_it_was(part):
    for scene in islice(scenes(part, 5), 30):
        assert read_scene(draw_scene(scene)) == scene


def test_a_photograph_is_refused():
    with pytest.raises(PictureError, match="none of the built-in world"):
        read_scene(Image.new("RGB", (640, 480)))
