"""Train, eval, ask and demo as commands: what they print, and where."""

from __future__ import annotations

import re
import shutil

import pytest
from PIL import Image

from grit.app.ask import free_name
from grit.cli.ask import _coloured, _where
from grit.cli.figures import figures_table, raw_figures
from grit.cli.main import main
from grit.geometry.spaces import Frame
from grit.records.comparison import FiguresFile
from grit.records.rows import EvaluationSummary
from grit.traces.parse import parse_trace
from grit.traces.trace import FaultKind
from tiny_qwen import painted

SMALL = (
    "--model.device", "cpu", "--group.size", "2", "--group.prompts-per-step", "1",
    "--rollout.max-new-tokens", "4",
)  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    painted((84, 56)).save(tmp_path / "photo.png")
    return tmp_path


@pytest.mark.parametrize("command", ["train", "eval", "ask", "demo"])
def test_help_is_readable_and_names_the_command(command, capsys):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: grit {command}")
    assert "Field(" not in text
    assert "MISSING" not in text


def test_help_of_train_names_every_part_and_both_ways_on(capsys):
    main(["train", "--help"])
    text = capsys.readouterr().out
    for word in ("--resume", "--overwrite", "--group.size", "--optimizer.lr", "--output"):
        assert word in text, word


def test_a_finished_run_prints_what_to_do_next(here, tiny_folder, capsys):
    flags = ["--model.path", str(tiny_folder), *SMALL, "--training.steps", "1"]
    assert main(["train", *flags, "--output", "runs/one"]) == 0
    printed = capsys.readouterr().out
    assert re.match(r"1 steps? in \d+ s -> runs/one\n", printed)
    assert "grit report runs/one" in printed
    assert "grit eval runs/one" in printed


def test_ask_prints_answer_and_regions_and_writes_the_picture_beside_nothing(
    here, tiny_folder, capsys
):
    words = ["How many?", "--model", str(tiny_folder), "--max-new-tokens", "6", "--device", "cpu"]
    assert main(["ask", "photo.png", *words]) == 0
    printed = capsys.readouterr().out
    assert "\nanswer   none (cut off at the length limit)\n" in printed
    assert "regions  0, drawn in photo.grit.png" in printed
    with Image.open("photo.grit.png") as drawn:
        assert drawn.width / drawn.height == pytest.approx(84 / 56)
    assert main(["ask", "photo.png", *words, "--mode", "direct", "--output", "mine.jpg"]) == 0
    assert (here / "mine.jpg").is_file()


def test_a_free_name_never_takes_a_file_that_is_there(here):
    assert free_name(here / "a.png").name == "a.png"
    (here / "a.png").touch()
    assert free_name(here / "a.png").name == "a-2.png"
    (here / "a-2.png").touch()
    assert free_name(here / "a.png").name == "a-3.png"


def test_boxes_in_the_printed_chain_have_colours_and_nothing_else_has():
    text = 'look: {"bbox_2d": [1, 2, 30, 40]} and [5, 5, 20, 20], so 2'
    coloured = _coloured(parse_trace(text, Frame((100, 100))))
    assert coloured.plain == text
    spans = [text[span.start : span.end] for span in coloured.spans]
    assert len(spans) == 2
    assert "1, 2, 30, 40" in spans[0]
    assert "5, 5, 20, 20" in spans[1]
    colours = {span.style.color.name for span in coloured.spans}
    assert len(colours) == 2, "each region has the colour in which it is drawn"


def test_a_chain_cannot_steer_the_terminal():
    shown = _coloured(parse_trace("\x1b[31mred\x07 \u202e[1, 2, 3, 4]\nnext", Frame((9, 9)))).plain
    assert shown == "�[31mred� �[1, 2, 3, 4]\nnext"


def test_a_fault_of_a_box_says_which_region_it_is_in():
    trace = parse_trace("<think> [1, 2, 30, 40] [9, 9, 3, 3] </think> 2", Frame((50, 50)))
    said = {fault.kind: _where(trace, fault) for fault in trace.faults}
    assert said.pop(FaultKind.BOX_INVERTED) == " in region 2 [9, 9, 3, 3]"
    assert set(said.values()) == {""}, "what is missing is in no region"


def test_eval_prints_a_table_with_n_and_intervals(here, tiny_folder, capsys):
    flags = ["--limit", "2", "--tasks", "counting", "--max-new-tokens", "4", "--device", "cpu"]
    assert main(["eval", str(tiny_folder), *flags, "--output", "out"]) == 0
    captured = capsys.readouterr()
    assert "counting" in captured.out
    assert re.search(r"\b2\b", captured.out)
    assert "rows in out/evaluations/base-direct.jsonl" in captured.out
    assert "base, direct 2/2" in captured.err


def summary(task, model, accuracy, n=300):
    return EvaluationSummary(
        model=model, mode="grounded", task=task, n=n, accuracy=accuracy,
        n_judged={"locate": 0, "all": n - 100}.get(task, n),
        accuracy_interval=None if accuracy is None else (accuracy - 0.05, accuracy + 0.05),
        grounding_iou=0.875, n_with_boxes=n,
    )  # fmt: skip


def test_the_table_keeps_tasks_together_and_groups_last():
    from rich.console import Console

    rows = [
        summary("counting", "base", 0.5), summary("all", "base", 0.25),
        summary("locate", "base", None), summary("training", "base", 0.5),
        summary("counting", "grit", 0.75), summary("all", "grit", 0.375),
    ]  # fmt: skip
    console = Console(width=200, record=True, quiet=False, file=None)
    with console.capture() as captured:
        console.print(figures_table(rows, title="before and after"))
    lines = [line.split() for line in captured.get().splitlines() if line.strip()]
    starts = [line[0] for line in lines if len(line) > 4][1:]
    assert starts == ["counting", "grit,", "locate", "all", "grit,", "trained"]
    (counting,) = (line for line in lines if line[0] == "counting")
    assert counting[:6] == ["counting", "base,", "grounded", "300", "0.500", ".45–.55"]
    (everything,) = (line for line in lines if line[0] == "all")
    assert everything[4:7] == ["200", "+", "100"], "so many have no accuracy"
    (locate,) = (line for line in lines if line[0] == "locate")
    assert locate[4] == "–", "no accuracy where answers are boxes"


def test_raw_scores_stand_beside_the_binarised_ones_where_they_differ(capsys):
    from rich.console import Console

    row = summary("mathvista_testmini", "grit", 0.5).model_copy(
        update={"accuracy_raw": 0.4375, "accuracy_raw_interval": (0.375, 0.5)}
    )
    Console(width=80).print(raw_figures([row]))
    (line,) = (each for each in capsys.readouterr().out.splitlines() if "mathvista" in each)
    assert line.split()[-5:] == ["300", "0.500", ".45–.55", "0.438", ".38–.50"]
    assert raw_figures([row.model_copy(update={"accuracy_raw": 0.5})]) is None


def test_a_run_can_be_moved_and_asked(here, tiny_folder, capsys):
    flags = ["--model.path", str(tiny_folder), *SMALL, "--training.steps", "1"]
    assert main(["train", *flags, "--output", "runs/one"]) == 0
    shutil.move("runs/one", "elsewhere")
    words = ["How many?", "--model", "elsewhere", "--max-new-tokens", "3", "--device", "cpu"]
    assert main(["ask", "photo.png", *words]) == 0


def test_eval_compares_modes_and_writes_tables(here, tiny_folder, capsys):
    flags = ["--limit", "2", "--tasks", "counting", "--max-new-tokens", "4", "--device", "cpu"]
    files = ["t.md", "t.tex", "t.json"]
    words = ["eval", str(tiny_folder), "--mode", "direct", "icl", *flags, "--output", "out"]
    assert main([*words, "--compare", "--tables", *files]) == 0
    captured = capsys.readouterr()
    assert "base, icl, minus base, direct" in captured.out
    assert max(map(len, captured.out.splitlines())) <= 80
    assert "…  …" not in captured.out, "nothing is cut off on a terminal of 80"
    assert "rows in out/evaluations/base-icl.jsonl" in captured.out
    content = FiguresFile.model_validate_json((here / "t.json").read_text("utf-8"))
    assert {row.mode for row in content.rows} == {"direct", "icl"}
    assert [(c.first, c.second) for c in content.comparisons][:1] == [("base, direct", "base, icl")]
    assert "| base, icl |" in (here / "t.md").read_text("utf-8")
    assert r"\toprule" in (here / "t.tex").read_text("utf-8")
    # Rows are kept, and judged again without a model.
    rows = [f"out/evaluations/base-{mode}.jsonl" for mode in ("direct", "icl")]
    assert main(["eval", "--rescore", *rows, "--compare", "--tables", "again.json"]) == 0
    again = FiguresFile.model_validate_json((here / "again.json").read_text("utf-8"))
    assert again == content


def test_eval_predicts_now_and_judges_later(here, tiny_folder, capsys):
    flags = ["--limit", "1", "--tasks", "counting", "--max-new-tokens", "4", "--device", "cpu"]
    assert main(["eval", str(tiny_folder), *flags, "--output", "out", "--predict-only"]) == 0
    printed = capsys.readouterr().out
    assert "grit eval --rescore out/evaluations/base-direct.jsonl" in printed
    assert "accuracy" not in printed


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "give models to ask, or files of rows"),
        (["builtin", "--rescore", "x.jsonl"], "one of the two"),
        (["builtin", "--compare"], "needs two evaluations"),
        (["builtin", "--predict-only", "--tables", "x.md"], "--predict-only judges nothing"),
        (["builtin", "--tables", "x.pdf"], "must be .md, .tex or .json"),
        (["builtin", "--tables", "photo.png"], "must be"),
        (["builtin", "--example", "x.jsonl"], "add --mode icl"),
        (["--rescore", "nowhere.jsonl"], "nowhere.jsonl is missing"),
    ],
)
def test_eval_says_at_once_what_cannot_be(here, flags, said, capsys):
    assert main(["eval", *flags]) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_table_that_stands_there_is_kept(here, capsys):
    (here / "mine.md").write_text("mine", "utf-8")
    assert main(["eval", "builtin", "--tables", "mine.md"]) == 2
    assert "stands there already" in capsys.readouterr().err
    assert (here / "mine.md").read_text("utf-8") == "mine"
