"""Find every box that a model wrote, in each spelling that the paper shows.

Read are four numbers, integers or decimals, with commas between them:

- in square or round brackets, in any nesting of lists: ``[1, 2, 3, 4]``, ``(1, 2, 3, 4)``;
- after a key, with brackets or without: ``"bbox_2d": [1, 2, 3, 4]``, ``bbox_2d_1: 1, 2, 3, 4``;
- between InternVL's ``<box>`` and ``</box>``.

Four bare numbers in prose are not a mention, nor are five in brackets; the paper's expression
(``counting.regex_boxes``) takes both. JSON is never decoded: it is often broken, and repeated
keys would be lost.

Every pattern is linear in the text: each alternative starts with a character that cannot occur
again inside what it skips, and every repetition is possessive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from grit.geometry.box import Box
from grit.geometry.spaces import Frame, clamp_overshoot, to_pixels
from grit.traces.trace import BoxMention, Fault, FaultKind, Segment, SegmentKind, Span

__all__ = ["find_mentions"]

_NUMBER_TEXT = r"[-+\u2212]?\d++(?:\.\d++)?+"
_FOUR = rf"\s*+{_NUMBER_TEXT}" + rf"\s*+,\s*+{_NUMBER_TEXT}" * 3
# A bracket that the model forgot is excused where the object, the part or the value ends.
_CLOSE = r"""(?:\s*+[\])]|(?=\s*+(?:[}<]|,\s*+(?:\{|["'](?:label|bbox)))))"""

_TOKEN = re.compile(
    rf"\[{_FOUR}{_CLOSE}"
    rf"|\({_FOUR}{_CLOSE}"
    r"|\{"
    r"|\}"
    r'|"label"\s*+:\s*+"(?P<double>[^"\\\n]*+(?:\\.[^"\\\n]*+)*+)"'
    r"|'label'\s*+:\s*+'(?P<single>[^'\\\n]*+(?:\\.[^'\\\n]*+)*+)'"
    r"|<ref>(?P<ref>[^<]*+)</ref>"
    rf"|<box>(?:\s*+(?P<boxed>{_FOUR})(?=\s*+</box>))?+"
    r"|</box>"
    r"""|bbox(?:_2d)?+(?:_\d{1,6})?+["']?+\s*+[:=]\s*+["']?+"""
    rf"(?P<bare>{_FOUR})(?!\s*+,\s*+[-+\u2212]?\d)"
)
"""Each alternative starts with a plain character, which lets the engine skip to candidates."""

_NUMBER = re.compile(_NUMBER_TEXT)

_BETWEEN = re.compile(
    r"""[\s,\])]*+(?:["']?+bbox(?:_2d)?+(?:_\d{1,6})?+["']?+\s*+[:=])?+[\s\[(]*+"""
)
"""What may stand between a box and its label where no braces hold them together."""

_MAX_CHARACTERS = 24
_MAX_VALUE = 1e9
"""No picture is that large; longer numbers are noise, and int() refuses the longest of them."""

_Edges = tuple[float, float, float, float]


@dataclass(slots=True)
class _Label:
    """A JSON label, and where it stands."""

    text: str | None
    start: int
    end: int


@dataclass(slots=True)
class _Scan:
    """Boxes of one part, and the objects that tie labels to them.

    ``events`` lists, for each object, its labels and the numbers of its boxes in order.
    Object 0 is no object: what stands outside all braces.
    """

    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    labels: list[str | None] = field(default_factory=list[str | None])
    events: dict[int, list[int | _Label]] = field(default_factory=dict[int, list[int | _Label]])


def find_mentions(
    text: str, segments: Sequence[Segment], frame: Frame
) -> tuple[list[BoxMention], list[Fault]]:
    """Find the boxes in a text's parts, and what is wrong with them.

    Args:
        text: The completion.
        segments: Its parts, in order.
        frame: The picture, and the space that the model writes in.

    Raises:
        SpaceMismatchError: If the frame itself is incomplete; never for the text.
    """
    mentions: list[BoxMention] = []
    faults: list[Fault] = []
    seen_in_reasoning: set[_Edges] = set()
    seen_in_answer: set[_Edges] = set()
    limits = frame.limits
    for segment in segments:
        scan = _scan(text, segment.span)
        if not scan.spans:
            continue
        is_answer = segment.kind is SegmentKind.ANSWER
        seen = seen_in_answer if is_answer else seen_in_reasoning
        for (start, end), label in zip(scan.spans, scan.labels, strict=True):
            span = Span(start, end)
            edges = _read_numbers(text[start:end])
            if edges is None:
                detail = "a number is too long for a coordinate"
                faults.append(Fault(FaultKind.NUMBER_TOO_LONG, span, detail))
                continue
            raw = Box(*edges, frame.space)
            inside = clamp_overshoot(raw, frame)
            mention = BoxMention(raw, to_pixels(inside, frame), span, label, segment.kind)
            mentions.append(mention)
            _note_faults(mention, limits, seen, faults, clamped=inside is not raw)
    return mentions, faults


def _note_faults(
    mention: BoxMention,
    limits: tuple[float, float],
    seen: set[_Edges],
    faults: list[Fault],
    *,
    clamped: bool,
) -> None:
    """Append what is wrong with one box; ``seen`` holds the boxes before it."""
    raw, box, span = mention.raw, mention.box, mention.span
    limit_x, limit_y = limits
    if clamped:
        detail = f"edges past the ends of the {raw.space} space, moved back"
        faults.append(Fault(FaultKind.BOX_CLAMPED, span, detail))
    elif (
        not 0 <= raw.x1 <= limit_x
        or not 0 <= raw.x2 <= limit_x
        or not 0 <= raw.y1 <= limit_y
        or not 0 <= raw.y2 <= limit_y
    ):
        detail = f"reaches out of the {limit_x:g} x {limit_y:g} of its {raw.space} frame"
        faults.append(Fault(FaultKind.BOX_OUTSIDE_PICTURE, span, detail))
    edges = box.as_tuple()
    if box.is_inverted:
        faults.append(Fault(FaultKind.BOX_INVERTED, span, "an edge lies before its opposite"))
    elif box.is_empty:
        faults.append(Fault(FaultKind.BOX_EMPTY, span, "encloses nothing"))
    elif edges in seen:
        faults.append(Fault(FaultKind.BOX_REPEATED, span, "the same box as one before it"))
    else:
        seen.add(edges)


def _read_numbers(written: str) -> _Edges | None:
    """Four numbers out of a matched stretch; None when one is too long to be a coordinate."""
    # float() knows the decimal digits of every script, but only the ASCII minus.
    found = _NUMBER.findall(written.replace("\u2212", "-"))
    if len(written) > _MAX_CHARACTERS and max(map(len, found)) > _MAX_CHARACTERS:
        return None
    x1, y1, x2, y2 = map(float, found)
    limit = _MAX_VALUE
    if -limit < x1 < limit and -limit < y1 < limit and -limit < x2 < limit and -limit < y2 < limit:
        return (x1, y1, x2, y2)
    return None


def _scan(text: str, part: Span) -> _Scan:
    """Find boxes and labels in one part of the text."""
    scan = _Scan()
    objects = [0]
    num_objects = 0
    ref: tuple[str | None, int] | None = None
    in_box: str | None = None
    # One character more, so that the next tag's "<" can excuse a bracket left open.
    for match in _TOKEN.finditer(text, part.start, min(part.end + 1, len(text))):
        start, end = match.span()
        first = text[start]
        if first in "[(b":
            _add_box(scan, match.span("bare") if first == "b" else (start, end), objects, in_box)
        elif first == "{":
            num_objects += 1
            objects.append(num_objects)
        elif first == "}":
            if len(objects) > 1:
                objects.pop()
        elif first in "\"'":
            label = _Label(
                _decode(match["double"] if first == '"' else match["single"]), start, end
            )
            scan.events.setdefault(objects[-1], []).append(label)
        elif match["ref"] is not None:
            ref, in_box = (match["ref"].strip() or None, end), None
            continue
        elif text.startswith("</", start):
            in_box = None
        else:
            in_box = ref[0] if ref and not text[ref[1] : start].strip() else None
            if match["boxed"] is not None:
                _add_box(scan, match.span("boxed"), objects, in_box)
        ref = None
    for number, events in scan.events.items():
        if number:
            _label_in_object(scan, events)
        else:
            _label_neighbours(scan, events, text)
    return scan


def _add_box(scan: _Scan, span: tuple[int, int], objects: Sequence[int], label: str | None) -> None:
    """Note a box; one without a label of its own may get one from its object."""
    if label is None:
        scan.events.setdefault(objects[-1], []).append(len(scan.spans))
    scan.spans.append(span)
    scan.labels.append(label)


def _label_in_object(scan: _Scan, events: Sequence[int | _Label]) -> None:
    """Tie an object's labels to its boxes by their order.

    Models repeat both keys in one object. Where a box comes first, each label names the boxes
    since the label before it; where a label comes first, it names the boxes up to the next.
    """
    labels_lead = isinstance(events[0], _Label)
    label: _Label | None = None
    for event in events if labels_lead else reversed(events):
        if isinstance(event, _Label):
            label = event
        elif label is not None:
            scan.labels[event] = label.text


def _label_neighbours(scan: _Scan, events: Sequence[int | _Label], text: str) -> None:
    """Tie a label outside all braces to the box right before it, else to the one right after."""
    for index, event in enumerate(events):
        if not isinstance(event, _Label):
            continue
        before = events[index - 1] if index else None
        after = events[index + 1] if index + 1 < len(events) else None
        if isinstance(before, int) and _BETWEEN.fullmatch(text, scan.spans[before][1], event.start):
            scan.labels[before] = event.text
        elif isinstance(after, int) and _BETWEEN.fullmatch(text, event.end, scan.spans[after][0]):
            scan.labels[after] = event.text


def _decode(label: str) -> str | None:
    """Undo JSON escapes where they are sound; None for a label without text."""
    if "\\" in label:
        # Where JSON does not know an escape, the text as written is the best reading.
        with suppress(ValueError):
            label = str(json.loads(f'"{label}"', strict=False))
    return label.strip() or None
