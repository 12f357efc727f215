"""Words for text towers: tokenizers that are data, and the shape towers want."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_medfm.core.errors import MissingWeights
from napari_medfm.engine.packages import optional

if TYPE_CHECKING:
    from torch import Tensor

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Words:
    """How a tower's texts become numbers.

    Parameters
    ----------
    kind
        "file": ``tokenizer.json`` beside the weights; "clip": CLIP's own byte pairs,
        which the package open_clip carries.
    length
        Numbers a text; longer texts are cut, shorter ones padded.
    pad
        The number that pads.
    lower
        Texts are put in lower case first.
    """

    kind: Literal["file", "clip"]
    length: int
    pad: int = 0
    lower: bool = False

    def reader(self, folder: Path, what: str) -> Any:
        """Return a function of texts that gives numbers (n, length), int64.

        Raises
        ------
        MissingWeights
            If the tokenizer's file is not beside the weights.
        """
        if self.kind == "clip":
            package = optional("open_clip", what)
            clip = package.SimpleTokenizer(context_length=self.length)
            return lambda texts: clip(list(texts))
        path = folder / TOKENIZER
        if not path.is_file():
            raise MissingWeights(
                f"{what}: its {TOKENIZER} is not in {folder}. Fetch the model again, "
                "or put that file of its page beside the weights"
            )
        tokenizer = optional("tokenizers", what).Tokenizer.from_file(str(path))
        tokenizer.enable_truncation(self.length)
        tokenizer.enable_padding(length=self.length, pad_id=self.pad)
        return lambda texts: self._numbers(tokenizer, texts)

    def _numbers(self, tokenizer: Any, texts: Sequence[str]) -> Tensor:
        import torch

        wanted = [text.lower() if self.lower else text for text in texts]
        return torch.tensor([found.ids for found in tokenizer.encode_batch(wanted)])
