"""The paper's own figures (arXiv 2505.15879 v2), to stand beside ours."""

from __future__ import annotations

__all__ = ["PUBLISHED_ABLATION", "PUBLISHED_RESULTS", "PUBLISHED_SETS", "SETS"]

SETS = {
    "relation": "VSR",
    "counting": "TallyQA",
    "attribute": "GQA",
    "arithmetic": "MathVista",
    "existence": "MME",
    "locate": "OVDEval",
}
"""Which public set a task of the built-in world stands for."""

PUBLISHED_RESULTS: dict[str, dict[str, tuple[str, ...]]] = {
    "Qwen2.5-VL-3B": {
        "direct": ("49.5 / 0.000", "40.8 / 0.000", "55.4 / 0.000", "58.5", "88.9", "– / 0.389"),
        "cot": ("37.5 / 0.122", "33.2 / 0.113", "39.5 / 0.269", "33.0", "41.3", "– / 0.388"),
        "icl": ("13.2 / 0.213", "36.3 / 0.268", "20.4 / 0.441", "29.1", "24.7", "– / 0.328"),
        "sft": ("59.7 / 0.216", "44.5 / 0.284", "64.6 / 0.475", "45.0", "68.3", "– / 0.391"),
        "grit": ("72.9 / 0.325", "47.8 / 0.447", "62.8 / 0.485", "59.8", "89.3", "– / 0.398"),
    },
    "InternVL3-2B": {
        "direct": ("52.9 / 0.000", "15.5 / 0.000", "29.4 / 0.000", "43.0", "40.0", "– / 0.551"),
        "cot": ("6.4 / 0.428", "6.8 / 0.279", "4.1 / 0.292", "7.5", "14.0", "– / 0.219"),
        "icl": ("3.4 / 0.435", "3.7 / 0.275", "2.6 / 0.435", "14.1", "1.3", "– / 0.593"),
        "sft": ("54.0 / 0.381", "22.5 / 0.116", "46.8 / 0.114", "17.4", "62.3", "– / 0.078"),
        "grit": ("64.9 / 0.495", "44.2 / 0.324", "63.2 / 0.457", "48.2", "82.0", "– / 0.560"),
    },
}
"""Table 1: accuracy / grounding IoU, sets in the order of ``SETS``."""

PUBLISHED_SETS: dict[str, tuple[str, ...]] = {
    "samples": ("288", "491", "509", "1000", "240", "2164"),
    "mean words, question / answer": (
        "6.7 / 1.0", "6.0 / 1.0", "7.1 / 1.0", "38.2 / 1.2", "13.3 / 1.0", "16.4 / 4",
    ),
    "% multiple choice or yes/no": ("71.2", "0", "58.9", "70.8", "100", "0"),
    "% of picture under true boxes": ("58.8", "25.6", "25.3", "–", "–", "17.3"),
}  # fmt: skip
"""Table 2."""

PUBLISHED_ABLATION: dict[str, tuple[str, ...]] = {
    "grit": ("0.387", "0.437", "51.8", "64.4"),
    "no-counting": ("0.349", "0.378", "53.8", "60.0"),
}
"""Table 3 (InternVL3-2B): IoU in and out of domain, accuracy in and out of domain."""
