from __future__ import annotations

import pytest
from fabricated_run import paint_scene

from grit.records.folder import RunFolder


@pytest.fixture
def run(tmp_path):
    """An empty run folder with one picture in it, named as rows name it."""
    folder = RunFolder.create(tmp_path / "demo")
    paint_scene(folder.path / "scene.png")
    return folder
