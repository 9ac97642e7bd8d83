"""The report: one offline page made from a run's records, finished or not."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeVar

import jinja2
from markupsafe import Markup

from grit.records.atomic import atomic_write_text
from grit.records.folder import RunFolder
from grit.records.jsonl_log import read_rows
from grit.records.manifest import Manifest
from grit.records.rows import AlarmRow, EvaluationRow, Row, StepRow, ValidationRow
from grit.viewer.curves import draw_curves
from grit.viewer.facts import Fact, facts_of
from grit.viewer.gallery import Answers, Entry, choose_columns, make_entries, pick_samples
from grit.viewer.scales import figure
from grit.viewer.tables import Block, headline, make_blocks
from grit.viewer.wording import mode_words

__all__ = ["build_report"]

DEFAULT_SAMPLES_PER_TASK = 4
RowT = TypeVar("RowT", bound=Row)


@dataclass(frozen=True, slots=True)
class _Records:
    """All that the page is made from."""

    manifest: Manifest | None
    recipe: str
    steps: list[StepRow]
    validations: list[ValidationRow]
    alarms: list[AlarmRow]
    answers: list[Answers]
    missing: list[str]
    """What is not there, in sentences."""


@dataclass(frozen=True, slots=True)
class _Gallery:
    entries: list[Entry]
    prompts: list[tuple[str, str]]
    num_answers: int


def build_report(
    run: RunFolder, *, samples_per_task: int = DEFAULT_SAMPLES_PER_TASK, seed: int = 0
) -> Path:
    """Write ``report.html`` into a run folder, whole or not at all.

    Args:
        run: A folder that holds a run; it may have no evaluation, or no step yet.
        samples_per_task: How many answers of each task the gallery shows.
        seed: Picks them.

    Returns:
        The page.

    Raises:
        RunFolderError: If a record cannot be read.
    """
    records = _read(run)
    blocks = _blocks(run, records)
    gallery = _gallery(run, records, samples_per_task, seed)
    _note_lost_pictures(gallery, records.missing)
    page = _render(run, records, blocks, gallery)
    atomic_write_text(run.report, page)
    return run.report


def _read(run: RunFolder) -> _Records:
    missing: list[str] = []
    manifest = run.read_manifest() if run.manifest.exists() else None
    if manifest is None:
        missing.append("There is no manifest: what the run was made of is not known.")
    recipe = run.recipe.read_text(encoding="utf-8") if run.recipe.exists() else ""
    if not recipe:
        missing.append("There is no recipe.")
    steps = _rows(run.steps, StepRow, missing)
    validations = _rows(run.validation, ValidationRow, missing)
    if not steps:
        missing.append("No training step has been recorded yet, so there are no curves.")
    elif not validations:
        missing.append("The held-out set was not met in training, so there is no such curve.")
    answers = [_answers(path, missing) for path in run.evaluation_files()]
    answers = [one for one in answers if one.rows]
    if not answers:
        missing.append(
            f"Nothing was evaluated yet, so there is no table and no gallery; grit eval does it, "
            f"then grit report {run.path} writes this page again."
        )
    alarms = _rows(run.alarms, AlarmRow, missing)
    return _Records(manifest, recipe, steps, validations, alarms, answers, missing)


def _rows(path: Path, row_type: type[RowT], missing: list[str]) -> list[RowT]:
    if not path.exists():
        return []
    read = read_rows(path, row_type)
    if read.torn is not None:
        missing.append(f"The last line of {path.name} was cut short when the run was stopped.")
    return read.rows


def _answers(path: Path, missing: list[str]) -> Answers:
    rows = _rows(path, EvaluationRow, missing)
    by_sample = {(row.task, row.sample_id): row for row in rows}
    if not rows:
        return Answers("", "", None, by_sample)
    return Answers(rows[0].model, rows[0].mode, rows[0].step, by_sample)


def _blocks(run: RunFolder, records: _Records) -> list[Block]:
    summaries = run.read_evaluation_table().rows
    if records.answers and not summaries:
        records.missing.append(
            "The evaluation was stopped before its summary was written, so there is no table."
        )
    trained = records.manifest.training_tasks if records.manifest else ()
    return make_blocks(summaries, trained)


def _gallery(run: RunFolder, records: _Records, samples_per_task: int, seed: int) -> _Gallery:
    columns, direct = choose_columns(records.answers)
    if not columns:
        return _Gallery([], [], 0)
    keys = pick_samples(columns, per_task=samples_per_task, seed=seed)
    entries = make_entries(columns, direct, keys, run=run.path)
    shown = [*columns, *([direct] if direct else [])]
    prompts = [
        (mode_words(one.model, one.mode, one.step), next(iter(one.rows.values())).prompt)
        for one in shown
    ]
    return _Gallery(entries, prompts, len(columns[-1].rows))


def _note_lost_pictures(gallery: _Gallery, missing: list[str]) -> None:
    lost = {entry.picture_id for entry in gallery.entries if entry.picture is None}
    if lost:
        those = "1 picture" if len(lost) == 1 else f"{len(lost)} pictures"
        missing.append(f"{those} of the gallery cannot be read; each place says why.")


def _render(run: RunFolder, records: _Records, blocks: list[Block], gallery: _Gallery) -> str:
    template, style, script = _template()
    facts: list[Fact] = []
    if records.manifest:
        facts = facts_of(records.manifest, records.steps)
    return template.render(
        figure=figure,
        name=run.path.resolve().name,
        facts=facts,
        missing=records.missing,
        headline=headline(blocks),
        blocks=blocks,
        charts=draw_curves(records.steps, records.validations),
        alarms=records.alarms,
        entries=gallery.entries,
        tasks=list(dict.fromkeys(entry.task for entry in gallery.entries)),
        prompts=gallery.prompts,
        num_answers=gallery.num_answers,
        recipe=records.recipe,
        manifest=records.manifest.model_dump_json(indent=2) if records.manifest else "",
        command=records.manifest.command if records.manifest else "",
        style=Markup(style),
        script=Markup(script),
        # The page may run this one script and load nothing: a second wall behind the escaping.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


@cache
def _template() -> tuple[jinja2.Template, str, str]:
    """The page's template, style and script, as they lie in the package."""
    texts = {
        end: (resources.files("grit.viewer") / "templates" / f"report.{end}").read_text("utf-8")
        for end in ("html.j2", "css", "js")
    }
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(texts["html.j2"]), texts["css"], texts["js"]
