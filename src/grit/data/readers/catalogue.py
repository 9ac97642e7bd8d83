"""Every reader by its name on the command line."""

from __future__ import annotations

from grit.data.readers.gqa import GqaReader
from grit.data.readers.grit_data import GritDataReader
from grit.data.readers.mathvista import MathVistaReader
from grit.data.readers.mme import MmeReader
from grit.data.readers.ovdeval import OvdevalReader
from grit.data.readers.reader import Reader
from grit.data.readers.tallyqa import TallyqaReader
from grit.data.readers.visual_cot import VisualCotReader
from grit.data.readers.vlmevalkit import VlmevalkitReader
from grit.data.readers.vsr import VsrReader

__all__ = ["READERS"]

_ALL: tuple[Reader, ...] = (
    GritDataReader(),
    VsrReader(),
    VisualCotReader(),
    TallyqaReader(),
    GqaReader(),
    MathVistaReader(),
    MmeReader(),
    OvdevalReader(),
    VlmevalkitReader(),
)

READERS: dict[str, Reader] = {reader.name: reader for reader in _ALL}
"""Readers in the order in which help lists them."""
