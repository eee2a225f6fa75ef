"""A model without its weights: a GGUF file of the right tensors at float16 whose contents are a
hole.

It takes some kilobytes on disk, whatever its size. llama.cpp reads its header as any model's, and
tells what the model would take: no weights need to be had to know whether they fit.
"""

from pathlib import Path

import gguf

from haqa_bench.arithmetic.architectures import Sizes
from haqa_bench.backends.workers import gguf_header


def write(sizes: Sizes, target: Path, architecture: str = "llama") -> None:
    """Writes a hollow GGUF file for a model's sizes, named as in `arithmetic.architectures`: of
    Gemma 3's architecture where there is a `window`.
    """
    kind = "gemma3" if "window" in sizes else architecture
    made = gguf_header.writer(target, kind, sizes)
    made.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    made.add_tokenizer_model("no_vocab")
    gguf_header.finish(made, gguf_header.at_float16(kind, sizes), target)
