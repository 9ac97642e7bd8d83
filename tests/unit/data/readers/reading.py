"""Run a reader over files that a test writes, or over the real parts."""

import json
import os
from pathlib import Path

import pytest

from grit.data.readers.catalogue import READERS
from grit.data.readers.reader import Reading, Source

REPOSITORY = Path(__file__).parents[4]
REAL = REPOSITORY / os.environ.get("GRIT_REAL_DATA", "../shared/data")
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"no folder {REAL}")


def write_json(path, value, **keywords):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, **keywords), encoding="utf-8")
    return path


def write_lines(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(name, path, **keywords):
    """The rows and the reading."""
    reading = Reading(Source(path, **keywords))
    return list(READERS[name].read(reading)), reading


def samples_of(name, path, **keywords):
    """The samples, where nothing is wrong or left out."""
    rows, _ = read(name, path, **keywords)
    assert [row.findings for row in rows if row.findings] == []
    assert all(row.sample is not None for row in rows)
    return [row.sample for row in rows]


def faults_of(name, path, **keywords):
    """(line, text) of each fault."""
    rows, _ = read(name, path, **keywords)
    return [(row.line, finding.text) for row in rows for finding in row.findings]
