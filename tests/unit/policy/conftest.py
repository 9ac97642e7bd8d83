"""The policy's tests run over a tiny model of every family."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def tiny_folder(family_folder):
    """In place of the one tiny model that other rooms share."""
    return family_folder
