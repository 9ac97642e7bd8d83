"""One step on the tiny model, for all tests of training that want it."""

from __future__ import annotations

import pytest
from one_step import Bench


@pytest.fixture
def bench(tiny_folder):
    made = []

    def build(**parts):
        made.append(Bench(tiny_folder, **parts))
        return made[-1]

    yield build
    for each in made:
        each.scorer.close()
