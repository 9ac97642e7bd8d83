"""Makes the scripts of ``benchmarks/`` importable, as Python does for a script that is started."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
