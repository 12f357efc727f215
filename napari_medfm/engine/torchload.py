"""Import torch so that it can live beside a window."""

from __future__ import annotations

import sys
from types import ModuleType


def import_torch() -> ModuleType:
    """Import torch and torchvision, and return torch.

    torchvision asks for torch's compiler, which looks for triton. triton brings an LLVM
    of its own, and where a Mesa graphics driver has loaded another one, as it has once
    a window drew something, the process dies in that import. triton only serves CUDA,
    so without CUDA it is kept out of sight while torchvision is imported.
    """
    import torch

    hidden = "triton" not in sys.modules and not torch.cuda.is_available()
    if hidden:
        sys.modules["triton"] = None  # type: ignore[assignment]
    try:
        import torchvision  # noqa: F401
    finally:
        if hidden:
            del sys.modules["triton"]
    return torch
