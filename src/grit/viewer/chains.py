"""A completion as markup: its boxes over the picture, the mentions in its text in the same colours.

Model text goes through markupsafe's escaping, every character of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from grit.records.rows import BoxRow, Edges, EvaluationRow

__all__ = ["draw_boxes", "mark_text", "number_boxes"]

NUM_COLOURS = 8
_TAG = re.compile(r"</?(?:think|rethink|answer)>")
Numbers = Mapping[Edges, int]


def number_boxes(row: EvaluationRow) -> dict[Edges, int]:
    """Numbers from 1 for the distinct boxes that can be drawn, by their raw edges, in text order.

    An inverted or empty box encloses nothing and gets no number.
    """
    numbers: dict[Edges, int] = {}
    for box in (*row.boxes, *row.answer_boxes):
        x1, y1, x2, y2 = box.pixels
        if x2 > x1 and y2 > y1:
            numbers.setdefault(box.raw, len(numbers) + 1)
    return numbers


def draw_boxes(row: EvaluationRow, *, picture_id: str, missing: str = "") -> Markup:
    """Draw the picture with the true boxes dashed and the model's boxes solid and numbered.

    Args:
        row: Whose boxes; its ``image_size`` is the frame.
        picture_id: Id of the ``<symbol>`` that holds the picture.
        missing: Why there is no picture; the boxes then stand on an empty ground.
    """
    width, height = row.image_size
    unit = max(width, height) / 100
    numbers = number_boxes(row)
    layers: list[Markup] = []
    if missing:
        layers.append(
            Markup('<rect class="nothing" width="{}" height="{}"/>').format(width, height)
        )
    else:
        layers.append(
            Markup('<use href="#{}" width="{}" height="{}"/>').format(picture_id, width, height)
        )
    layers += [_true_box(edges) for edges in row.true_boxes or ()]
    first_mentions = {box.raw: box for box in reversed((*row.boxes, *row.answer_boxes))}
    for raw, number in numbers.items():
        layers.append(_model_box(first_mentions[raw], number, unit, row.image_size))
    return Markup(
        '<svg class="picture" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">{body}</svg>'
    ).format(w=width, h=height, label=_in_words(row, len(numbers), missing), body=_joined(layers))


def mark_text(row: EvaluationRow, *, most_characters: int = 6000) -> Markup:
    """The completion with each box mention in the colour of its rectangle, tags set apart."""
    text = row.text[:most_characters]
    numbers = number_boxes(row)
    spans = sorted(
        ((box.start, box.end, box) for box in (*row.boxes, *row.answer_boxes)),
        key=lambda span: span[:2],
    )
    parts: list[Markup] = []
    place = 0
    for start, end, box in spans:
        # A span that overlaps the one before, or lies beyond the text, has nothing to mark.
        if start < place or end > len(text) or end <= start:
            continue
        parts.append(_mark_tags(text[place:start]))
        parts.append(_mark_mention(text[start:end], box, numbers))
        place = end
    parts.append(_mark_tags(text[place:]))
    if len(row.text) > len(text):
        left = f"… {len(row.text) - len(text):,} more characters in the records"
        parts.append(Markup('<span class="cut">{}</span>').format(left))
    return _joined(parts)


def _mark_mention(text: str, box: BoxRow, numbers: Numbers) -> Markup:
    number = numbers.get(box.raw)
    if number is None:
        return Markup(
            '<span class="undrawn" title="encloses no area, so it is not drawn">{}</span>'
        ).format(text)
    return Markup('<mark class="b{}" data-box="{}" tabindex="0">{}<sup>{}</sup></mark>').format(
        number % NUM_COLOURS, number, text, number
    )


def _mark_tags(text: str) -> Markup:
    parts: list[Markup] = []
    place = 0
    for found in _TAG.finditer(text):
        parts.append(Markup("{}").format(text[place : found.start()]))
        parts.append(Markup('<span class="tag">{}</span>').format(found[0]))
        place = found.end()
    parts.append(Markup("{}").format(text[place:]))
    return _joined(parts)


def _true_box(edges: Edges) -> Markup:
    x1, y1, x2, y2 = edges
    rect = Markup('<rect class="{}" x="{:g}" y="{:g}" width="{:g}" height="{:g}"/>')
    place = (x1, y1, max(0.0, x2 - x1), max(0.0, y2 - y1))
    return Markup('<g class="true"><title>true box</title>{}{}</g>').format(
        rect.format("under", *place), rect.format("over", *place)
    )


def _model_box(box: BoxRow, number: int, unit: float, size: tuple[int, int]) -> Markup:
    """A rectangle with a light edge that shows on any ground, and a numbered tab at its corner."""
    width, height = size
    # Edges far outside would only cost the renderer; what shows is the same.
    x1, x2 = (min(max(x, -width), 2.0 * width) for x in (box.pixels[0], box.pixels[2]))
    y1, y2 = (min(max(y, -height), 2.0 * height) for y in (box.pixels[1], box.pixels[3]))
    rect = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    place = (x1, y1, x2 - x1, y2 - y1)
    tab_width, tab_height = unit * (4.4 + 2.6 * len(str(number))), unit * 7
    tab_x = min(max(x1, 0.0), width - tab_width)
    above = y1 - tab_height
    tab_y = min(above if above >= 0 else max(y1, 0.0), height - tab_height)
    written = ", ".join(f"{edge:g}" for edge in box.raw)
    name = f"box {number}: {box.label}" if box.label else f"box {number}"
    return Markup(
        '<g class="box b{colour}" data-box="{number}"><title>{title}</title>{under}{over}'
        '<g class="number"><rect class="tab" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" '
        'height="{h:.1f}" rx="{r:.1f}"/>'
        '<text x="{cx:.1f}" y="{cy:.1f}" font-size="{size:.1f}">{number}</text></g></g>'
    ).format(
        colour=number % NUM_COLOURS,
        number=number,
        title=f"{name} [{written}]",
        under=rect.format("under", *place),
        over=rect.format("over", *place),
        x=tab_x,
        y=tab_y,
        w=tab_width,
        h=tab_height,
        r=unit * 1.2,
        cx=tab_x + tab_width / 2,
        cy=tab_y + tab_height * 0.74,
        size=unit * 5.4,
    )


def _in_words(row: EvaluationRow, num_drawn: int, missing: str) -> str:
    what = missing or f"Picture of the question “{row.question}”"
    drawn = f"{num_drawn} box{'' if num_drawn == 1 else 'es'} drawn by the model"
    if row.true_boxes is None:
        return f"{what}; {drawn}; true boxes are not known"
    return f"{what}; {drawn}; {len(row.true_boxes)} true"


def _joined(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(parts)
