"""Several real processes: what they hear of each other, sums, and how one that fails ends all."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
import torch

from grit.errors import ConfigError
from grit.processes.launch import Launched, launched, refuse_sharding
from grit.processes.processes import ALONE, by_writer, share_of
from launched import ended, started

OPENING = """
import json, os, signal, sys
import torch
from grit.processes.distributed import open_processes
from grit.processes.processes import by_writer

def tell(**found):
    print(json.dumps(found), flush=True)
"""


def run_script(tmp_path, script, **settings):
    file = tmp_path / "script.py"
    file.write_text(OPENING + dedent(script), encoding="utf-8")
    return started([file], **settings)


def test_processes_hear_each_other_and_add_up_their_gradients(tmp_path):
    processes = run_script(
        tmp_path,
        """
        with open_processes("cpu") as p:
            heard = p.gather({"rank": p.rank, "rows": torch.arange(p.rank + 1)})
            weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
            weights[0].grad = torch.tensor([1.0, 10.0]) * (p.rank + 1)
            if p.rank == 1:
                weights[1].grad = torch.tensor([5.0, 7.0])
            p.sum_gradients(weights)
            drawn = by_writer(p, lambda: ["by", p.rank])
        tell(
            heard=[[each["rank"], each["rows"].tolist()] for each in heard],
            sums=[None if w.grad is None else w.grad.tolist() for w in weights],
            drawn=drawn,
            torn=torch.distributed.is_initialized(),
        )
        """,
        number=3,
    )
    outs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outs
    for out, _ in outs:
        assert json.loads(out) == {
            "heard": [[0, [0]], [1, [0, 1]], [2, [0, 1, 2]]],
            # Nobody has a gradient of the third: the optimiser must leave it alone.
            "sums": [[6.0, 60.0], [5.0, 7.0], None],
            "drawn": ["by", 0],
            "torn": False,
        }


def test_a_process_that_fails_ends_the_others_with_its_reason(tmp_path):
    processes = run_script(
        tmp_path,
        """
        from grit.errors import CheckpointError
        with open_processes("cpu") as p:
            p.gather(None)
            if p.rank == 1:
                raise CheckpointError("the disk is full; free some space")
            p.gather("goes on")
            tell(reached=True)
        """,
        number=3,
    )
    outs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [1, 1, 1]
    assert [out for out, _ in outs] == ["", "", ""]
    assert "CheckpointError: the disk is full" in outs[1][1]
    for rank in (0, 2):
        assert (
            "OtherProcessError: process 1 of 3 failed: the disk is full; free some space "
            f"(process {rank} ends with it)" in outs[rank][1]
        )


def test_a_process_that_is_killed_ends_the_others(tmp_path):
    (lost, said), killed = ended(
        run_script(
            tmp_path,
            """
            with open_processes("cpu") as p:
                if p.rank == 1:
                    p.gather(None)
                    os.kill(os.getpid(), signal.SIGKILL)
                p.gather(None)
                p.gather("is anybody there")
            """,
        )
    )
    assert killed[0] == -9
    assert lost == 1
    assert "OtherProcessError: process 0 of 2 lost another one" in said


class Some:
    """As many processes as a test says, seen by one of them."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("number", [0, 1, 4, 7, 32])
def test_shares_are_all_things_in_order_and_as_equal_as_can_be(number, size):
    things = list(range(number))
    shares = [things[share_of(number, Some(rank, size))] for rank in range(size)]
    assert [thing for share in shares for thing in share] == things
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_process_is_its_own_company():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    ALONE.sum_gradients([weight])
    assert weight.grad.tolist() == [1.0, 1.0]
    assert ALONE.gather("word") == ["word"]
    assert by_writer(ALONE, lambda: 7) == 7


def test_a_launchers_words_are_read():
    said = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    assert launched(said) == Launched(rank=5, size=8, local_rank=1, local_size=4)
    assert launched({}) == Launched(rank=0, size=1, local_rank=0, local_size=1)
    with pytest.raises(ConfigError, match=r"RANK is '' .* accelerate launch or torchrun"):
        launched({"WORLD_SIZE": "2"})


def test_a_launcher_that_would_split_the_weights_is_refused():
    refuse_sharding({"ACCELERATE_USE_FSDP": "false"})
    with pytest.raises(ConfigError, match=r"plain data parallelism.*without --use_fsdp"):
        refuse_sharding({"ACCELERATE_USE_FSDP": "true"})
