"""What is wrong, or odd, in a file of samples: data that an error or a report is made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from grit.errors import DataError

__all__ = ["Finding", "FindingKind", "Severity", "error_of", "shown"]

_NAMED_TOGETHER = 5
"""Faults that one error spells out; the rest are counted."""


class Severity(StrEnum):
    """Whether a finding keeps the file from being used."""

    ERROR = "error"
    WARNING = "warning"


class FindingKind(StrEnum):
    """The sort of a finding, one word for tables and JSON."""

    MALFORMED_ROW = "malformed_row"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    EMPTY_TEXT = "empty_text"
    SEVERAL_PICTURES = "several_pictures"
    DUPLICATE_ID = "duplicate_id"
    DUPLICATE_QUESTION = "duplicate_question"
    KEY_NOT_READ = "key_not_read"
    PICTURE_MISSING = "picture_missing"
    PICTURE_BROKEN = "picture_broken"
    PICTURE_SHARED = "picture_shared"
    SIZE_DIFFERS = "size_differs"
    BOX_MALFORMED = "box_malformed"
    BOX_INVERTED = "box_inverted"
    BOX_EMPTY = "box_empty"
    BOX_OUTSIDE = "box_outside"
    BOX_FRAME = "box_frame"
    BOX_REPEATED = "box_repeated"
    COUNT_UNREADABLE = "count_unreadable"
    COUNT_DIFFERS = "count_differs"
    COUNT_AND_BOXES = "count_and_boxes"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong or odd, where it stands, and what to do about it.

    Args:
        file: The file of samples.
        line: Its line, from 1.
        kind: The sort of finding.
        problem: What is wrong, as a clause.
        value: The value as the row has it, shortened.
        fix: The next step, as a clause.
        severity: Whether the file can be used as it is.
    """

    file: Path
    line: int
    kind: FindingKind
    problem: str
    value: str
    fix: str
    severity: Severity = Severity.ERROR

    @property
    def text(self) -> str:
        """Problem, value and fix in one sentence, without the place."""
        value = f" (found {self.value})" if self.value else ""
        return f"{self.problem}{value}; {self.fix}"

    @property
    def sentence(self) -> str:
        """File, line, problem, value and fix."""
        return f"{self.file}, line {self.line}: {self.text}"


def shown(value: object, limit: int = 80) -> str:
    """A value as JSON writes it, cut to ``limit`` characters."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    # Half a surrogate pair, which JSON can hold, cannot be printed.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def error_of(findings: Sequence[Finding], num_found: int) -> DataError:
    """One error for the first few faults of a file; the others are counted.

    Args:
        findings: The first faults, at least one.
        num_found: How many there are in all.
    """
    named = findings[:_NAMED_TOGETHER]
    rest = num_found - len(named)
    if num_found == 1:
        return DataError(named[0].sentence)
    lines = [f"{named[0].file} has {num_found} faults:"]
    lines += [f"  line {finding.line}: {finding.text}" for finding in named]
    if rest:
        lines.append(f"  and {rest} more; `grit data check {named[0].file}` lists them all")
    return DataError("\n".join(lines))
