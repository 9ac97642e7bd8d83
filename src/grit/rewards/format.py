"""Rewards for the form of a completion: tag pairs, boxes, the answer tag."""

from __future__ import annotations

from grit.rewards.score import RewardRow, Score
from grit.traces.counting import (
    CountMode,
    count_boxes,
    reasoning_before_rethink,
    regex_boxes,
)
from grit.traces.tags import check_pairs, num_answer_tags, num_think_words, ordered_tags

__all__ = ["answer_tag", "paper_format", "released_format"]

_PER_PAIR = 0.5
_PER_BOX = 0.5
_PER_TAG = 0.1
_PER_ANSWER_TAG = 0.25


def paper_format(row: RewardRow) -> Score:
    """Pay 0.5 a correct tag pair and 0.5 for at least one box: r_format = s_st + s_bf, at most 1.5.

    The rethink pair must follow the think pair. Boxes are sought before the rethink part, by the
    paper's expression; one box is as good as many, and nobody asks where it is.

    Source: GRIT, format reward (arXiv 2505.15879).
    """
    pairs = check_pairs(row.trace.text)
    boxes = count_boxes(row.trace, CountMode.REGEX)
    parts = {
        "think_pair": _PER_PAIR * pairs.think,
        "rethink_pair": _PER_PAIR * pairs.rethink,
        "box": _PER_BOX * (boxes.num_boxes > 0),
    }
    return Score(sum(parts.values()), f"{pairs.reason}; {boxes.reason}", parts)


def released_format(row: RewardRow) -> Score:
    """Pay 0.1 a tag in order, 0.1 for two words of thought, 0.5 for a box before ``<rethink>``.

    The point for the words needs all four tags, as in the code. Without a ``<rethink>`` no box is
    looked for.

    Source: the released code of GRIT.
    """
    text = row.trace.text
    num_tags = sum(span is not None for span in ordered_tags(text))
    thinks = num_tags == 4 and num_think_words(text) >= 2
    before = reasoning_before_rethink(text)
    num_boxes = 0 if before is None else len(regex_boxes(before))
    parts = {
        "tags": _PER_TAG * num_tags,
        "think_words": _PER_TAG * thinks,
        "box": _PER_BOX * (num_boxes > 0),
    }
    words = "two words of thought or more" if thinks else "no point for words of thought"
    boxes = "no <rethink>, so no box counts" if before is None else f"boxes before it: {num_boxes}"
    return Score(sum(parts.values()), f"{num_tags} of 4 tags in order; {words}; {boxes}", parts)


def answer_tag(row: RewardRow) -> Score:
    """Pay 0.25 for ``<answer>``, and 0.25 more when it occurs once.

    Source: the released code of GRIT.
    """
    num_found = num_answer_tags(row.trace.text)
    value = _PER_ANSWER_TAG * ((num_found > 0) + (num_found == 1))
    return Score(value, f"<answer> occurs {num_found} times" if num_found != 1 else "one <answer>")
