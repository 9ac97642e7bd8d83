from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grit.errors import RunFolderError
from grit.records.jsonl_log import JsonlLog, read_rows, superseded_path, truncate_after_step
from grit.records.rows import AlarmRow, StepRow, ValidationRow


def alarm(step, message="too far"):
    return AlarmRow(step=step, kind="kl", message=message, value=0.5)


def write(path, rows):
    with JsonlLog(path, AlarmRow) as log:
        log.extend(rows)


def test_rows_come_back_in_order(tmp_path):
    path = tmp_path / "new" / "alarms.jsonl"
    write(path, [alarm(1), alarm(2)])
    write(path, [alarm(3)])
    read = read_rows(path, AlarmRow)
    assert read.rows == [alarm(1), alarm(2), alarm(3)]
    assert read.torn is None


def test_a_row_is_in_the_file_as_soon_as_append_returns(tmp_path):
    path = tmp_path / "alarms.jsonl"
    with JsonlLog(path, AlarmRow, fsync=True) as log:
        log.append(alarm(1))
        assert path.read_text(encoding="utf-8").count("\n") == 1


@given(message=st.text())
def test_any_text_takes_one_line_and_comes_back(tmp_path_factory, message):
    path = tmp_path_factory.mktemp("log") / "alarms.jsonl"
    # A lone surrogate is no Unicode text; hypothesis leaves it out of st.text by default.
    write(path, [alarm(1, message), alarm(2)])
    assert path.read_bytes().count(b"\n") == 2
    assert read_rows(path, AlarmRow).rows[0].message == message


def test_a_log_refuses_a_row_of_another_type(tmp_path):
    with (
        JsonlLog(tmp_path / "alarms.jsonl", AlarmRow) as log,
        pytest.raises(RunFolderError, match=r"alarms\.jsonl takes rows of type AlarmRow, not Vali"),
    ):
        log.append(ValidationRow(step=1, n=1, accuracy=None))


def test_a_torn_last_line_is_reported_and_left_out(tmp_path):
    path = tmp_path / "alarms.jsonl"
    write(path, [alarm(1), alarm(2)])
    whole = path.read_bytes()
    for cut in range(1, len(alarm(2).model_dump_json())):
        path.write_bytes(whole[: -1 - cut])
        read = read_rows(path, AlarmRow)
        assert read.rows == [alarm(1)]
        assert read.torn == alarm(2).model_dump_json()[:-cut]


def test_a_last_line_that_lacks_only_its_newline_is_a_row(tmp_path):
    path = tmp_path / "alarms.jsonl"
    write(path, [alarm(1), alarm(2)])
    path.write_bytes(path.read_bytes()[:-1])
    assert read_rows(path, AlarmRow).rows == [alarm(1), alarm(2)]
    write(path, [alarm(3)])
    assert read_rows(path, AlarmRow).rows == [alarm(1), alarm(2), alarm(3)]


def test_a_tear_within_a_character_is_a_torn_line_too(tmp_path):
    path = tmp_path / "alarms.jsonl"
    write(path, [alarm(1), alarm(2, "図")])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index("図".encode()) + 1])
    read = read_rows(path, AlarmRow)
    assert read.rows == [alarm(1)]
    assert read.torn is not None


def test_appending_after_a_tear_sets_the_torn_piece_aside(tmp_path):
    path = tmp_path / "alarms.jsonl"
    write(path, [alarm(1), alarm(2)])
    path.write_bytes(path.read_bytes()[:-10])
    write(path, [alarm(2), alarm(3)])
    assert read_rows(path, AlarmRow).rows == [alarm(1), alarm(2), alarm(3)]
    torn = superseded_path(path).read_text(encoding="utf-8")
    assert torn == alarm(2).model_dump_json()[:-9] + "\n"


def test_a_broken_line_in_the_middle_is_an_error_with_file_and_line(tmp_path):
    path = tmp_path / "alarms.jsonl"
    write(path, [alarm(1)])
    with path.open("a", encoding="utf-8") as stream:
        stream.write('{"version":1,"step":2,\n')
    write(path, [alarm(3)])
    with pytest.raises(RunFolderError, match=r"alarms\.jsonl, line 2: not a AlarmRow"):
        read_rows(path, AlarmRow)


def test_a_row_with_a_wrong_value_names_the_field(tmp_path):
    path = tmp_path / "alarms.jsonl"
    path.write_text('{"version":1,"step":"x","kind":"kl","message":"m"}\n', encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"line 1.*step"):
        read_rows(path, AlarmRow)


def test_a_row_of_a_newer_grit_says_so(tmp_path):
    path = tmp_path / "alarms.jsonl"
    path.write_text('{"version":99,"step":1,"new":0}\n', encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"newer grit \(row version 99\)"):
        read_rows(path, AlarmRow)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(RunFolderError, match=r"steps\.jsonl is missing"):
        read_rows(tmp_path / "steps.jsonl", StepRow)


def test_truncating_leaves_the_bytes_of_an_unbroken_run_and_keeps_the_rest(tmp_path):
    path = tmp_path / "alarms.jsonl"
    write(path, [alarm(1), alarm(2)])
    unbroken_so_far = path.read_bytes()
    write(path, [alarm(3), alarm(4)])
    redone = path.read_bytes()[len(unbroken_so_far) :]
    assert truncate_after_step(path, 2) == 2
    assert path.read_bytes() == unbroken_so_far
    assert superseded_path(path).read_bytes() == redone


def test_a_killed_and_resumed_log_equals_an_unbroken_one(tmp_path):
    unbroken, resumed = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    write(unbroken, [alarm(step) for step in range(1, 9)])
    write(resumed, [alarm(step) for step in range(1, 7)])
    resumed.write_bytes(resumed.read_bytes()[:-20])  # killed while it wrote step 6
    assert truncate_after_step(resumed, 4) == 2
    write(resumed, [alarm(step) for step in range(5, 9)])
    assert resumed.read_bytes() == unbroken.read_bytes()


def test_rows_that_were_superseded_twice_are_all_kept(tmp_path):
    path = tmp_path / "alarms.jsonl"
    for _ in range(3):
        write(path, [alarm(1)])
        assert truncate_after_step(path, 0) == 1
    assert read_rows(superseded_path(path), AlarmRow).rows == [alarm(1)] * 3


def test_truncating_a_file_that_is_not_there_moves_nothing(tmp_path):
    assert truncate_after_step(tmp_path / "alarms.jsonl", 3) == 0
    assert list(tmp_path.iterdir()) == []


def test_truncating_refuses_a_line_without_a_step(tmp_path):
    path = tmp_path / "alarms.jsonl"
    path.write_text('{"kind":"kl"}\n{"step":1}\n', encoding="utf-8")
    with pytest.raises(RunFolderError, match="line 1: no row with a step"):
        truncate_after_step(path, 0)
    assert path.read_text(encoding="utf-8") == '{"kind":"kl"}\n{"step":1}\n'


@given(steps=st.lists(st.integers(0, 9), max_size=12), keep=st.integers(-1, 10))
def test_truncating_loses_and_doubles_no_row(tmp_path_factory, steps, keep):
    path = tmp_path_factory.mktemp("log") / "alarms.jsonl"
    write(path, [alarm(step) for step in steps])
    moved = truncate_after_step(path, keep)
    kept = [row.step for row in read_rows(path, AlarmRow).rows]
    aside = superseded_path(path)
    gone = [row.step for row in read_rows(aside, AlarmRow).rows] if aside.exists() else []
    assert kept == [step for step in steps if step <= keep]
    assert gone == [step for step in steps if step > keep]
    assert moved == len(gone)
