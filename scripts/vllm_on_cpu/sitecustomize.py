"""Lets torchvision's CUDA wheel import beside a CPU torch; for the test environment alone.

Its Python files register fake kernels for two operators whose schemas the missing CUDA library
would define. They are defined here just before torchvision is first imported, in every process of
the environment.
"""

import importlib.abc
import sys

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_alive: list[object] = []


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Finds nothing; acts when torchvision is looked for."""

    def find_spec(self, name: str, *_: object) -> None:
        """Define the operators' schemas, once."""
        if name == "torchvision" and not _alive:
            import torch

            library = torch.library.Library("torchvision", "DEF")
            for schema in _SCHEMAS:
                library.define(schema)
            _alive.append(library)


sys.meta_path.insert(0, _BeforeTorchvision())
