"""`grit analyse correlation`: chains of a run, or of a file, before a judge of regions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grit.analysis.chains import Chain, chain_of_row, read_chains, shuffled_chains
from grit.analysis.chat_regions import ChatRegionJudge
from grit.analysis.correlation import DRAWS, RegionJudge, correlate, correlation_figures, fitting
from grit.app.evaluate import EvaluationProgress
from grit.app.judges import require_judge
from grit.app.kept_rows import standing_rows
from grit.app.samples import read_source
from grit.config.judge import ChatJudgeConfig, JudgeConfig
from grit.errors import ConfigError, DataError, RunFolderError
from grit.judges.chat import ChatJudge
from grit.records.analyses import CorrelationRow, CorrelationTable, Draw
from grit.records.files import write_json
from grit.records.folder import RunFolder
from grit.records.jsonl_log import JsonlLog, read_rows
from grit.records.rows import Edges, EvaluationRow

__all__ = ["Named", "correlate_into", "named_chains", "open_region_judge", "run_correlation"]


@dataclass(frozen=True, slots=True)
class Named:
    """Chains, and the name that their analysis goes by."""

    name: str
    chains: list[Chain]


@contextmanager
def open_region_judge(
    config: JudgeConfig, *, say: Callable[[str], None]
) -> Generator[ChatRegionJudge]:
    """Open a chat judge of regions, once it has shown that it answers.

    Args:
        config: Which; ``order`` means nothing here.
        say: Told of pauses; from another thread.

    Raises:
        ConfigError: If it is no chat judge, or a key or a price is missing.
        JudgeError: If the server, its model or the cache is not there, or the key is wrong.
    """
    if not isinstance(config, ChatJudgeConfig):
        raise ConfigError("rules see no pictures; leave --judge.type out, or make it chat")
    config = config.model_copy(update={"order": "always"})
    require_judge(config)
    with ChatJudge(config, say=say) as judge:
        yield ChatRegionJudge(judge)


def named_chains(folder: RunFolder) -> list[Named]:
    """The chains of every evaluation of a run that is not of direct answers.

    Raises:
        RunFolderError: If there is none.
    """
    found: list[Named] = []
    for path in folder.evaluation_files():
        rows = read_rows(path, EvaluationRow).rows
        if rows and rows[0].mode != "direct":
            found.append(Named(path.stem, [chain_of_row(row) for row in rows]))
    if not found:
        raise RunFolderError(
            f"{folder.path} holds no evaluated chains; write some with "
            f"grit eval MODEL --mode grounded --output {folder.path}"
        )
    return found


def run_correlation(
    folder: RunFolder,
    judge: RegionJudge,
    bar: EvaluationProgress,
    *,
    chains: Path | None = None,
    data: str = "builtin:test",
    images: Path | None = None,
    limit: int | None = None,
    repeats: int = 3,
    seed: int = 0,
    control: bool = False,
    resume: bool = False,
    overwrite: bool = False,
) -> list[CorrelationTable]:
    """Ask about all chains of a run, or about those of a file, and keep rows and figures.

    Args:
        folder: A run folder with evaluations; rows go into its ``analyses``.
        judge: Who is asked.
        bar: Draws the progress.
        chains: A file of chains that people wrote, in place of the run's.
        data: What the ids of that file stand for.
        images: Folder of that data's pictures.
        limit: Most samples of each task in that data.
        repeats: Times that each chain is asked about.
        seed: Of random boxes and of the pictures' order.
        control: Ask also about the same texts with the boxes of other chains, which is chance.
        resume: Keep what stands there.
        overwrite: Ask everything again.
    """
    if chains is None:
        sets = named_chains(folder)
    else:
        samples = read_source(data, images=images, pictures=folder.pictures, limit=limit)
        known = {sample.id: sample for sample in samples}
        sets = [Named(chains.stem, read_chains(chains, known))]
    tables: list[CorrelationTable] = []
    if control:
        sets += [Named(f"{each.name}.shuffled", shuffled_chains(each.chains)) for each in sets]
    for each in sets:
        kept, _ = fitting(each.chains)
        with bar(f"correlation, {each.name}", len(kept) * repeats * len(DRAWS)) as on_rows:
            tables.append(
                correlate_into(
                    folder,
                    each,
                    judge,
                    repeats=repeats,
                    seed=seed,
                    resume=resume,
                    overwrite=overwrite,
                    on_rows=on_rows,
                )
            )
    return tables


def correlate_into(
    folder: RunFolder,
    named: Named,
    judge: RegionJudge,
    *,
    repeats: int = 3,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    on_rows: Callable[[int], None] | None = None,
) -> CorrelationTable:
    """One set of chains; repeats that stand there whole are not asked again.

    Raises:
        DataError: If no chain has a box.
        RunFolderError: If rows stand there and no flag is given, or rows of another seed or judge.
    """
    rows_path, table_path = folder.analysis("correlation", named.name)
    kept, left_out = fitting(named.chains)
    if not kept:
        reasons = ", ".join(f"{reason} ({number})" for reason, number in left_out.items())
        raise DataError(f"no chain of {named.name} can be asked about: {reasons}")
    rows = standing_rows(rows_path, CorrelationRow, resume=resume, overwrite=overwrite)
    # A repeat that was cut short is asked whole again: of two rows the later one counts.
    rows = list({(row.draw, row.repeat, row.sample_id): row for row in rows}.values())
    _refuse_mixture(rows_path, rows, seed, judge.name)
    # A chain that is another now (the model was asked again) is judged again.
    asked = {chain.sample_id: (chain.masked_text, _edges(chain)) for chain in kept}
    rows = [row for row in rows if asked.get(row.sample_id) == (row.text, row.boxes)]
    whole: set[tuple[Draw, int]] = {
        (draw, repeat)
        for draw in DRAWS
        for repeat in range(repeats)
        if asked.keys() == {r.sample_id for r in rows if (r.draw, r.repeat) == (draw, repeat)}
    }
    rows = [row for row in rows if (row.draw, row.repeat) in whole]
    if on_rows is not None:
        on_rows(len(rows))
    with JsonlLog(rows_path, CorrelationRow) as log:
        for part in correlate(kept, judge, repeats=repeats, seed=seed, done=whole, on_rows=on_rows):
            log.extend(part)
            rows += part
    table = CorrelationTable(
        source=named.name,
        judge=judge.name,
        seed=seed,
        figures=tuple(correlation_figures(rows)),
        left_out=left_out,
    )
    write_json(table_path, table)
    return table


def _edges(chain: Chain) -> tuple[Edges, ...]:
    return tuple(box.as_tuple() for box in chain.boxes)


def _refuse_mixture(path: Path, rows: Sequence[CorrelationRow], seed: int, judge: str) -> None:
    others = {(row.seed, row.judge) for row in rows} - {(seed, judge)}
    if others:
        found = ", ".join(f"seed {each[0]} by {each[1]}" for each in sorted(others))
        raise RunFolderError(
            f"{path} holds rows of {found}, and these are of seed {seed} by {judge}; ask all "
            "again with --overwrite"
        )
