"""Writes GGUF files of random weights: `python -m haqa_bench.backends.workers.random_weights <
job.json > result.json`.

Such a file has a model's architecture and sizes, and in each format the tensor types that
llama.cpp's own quantizer chooses for it. It is as fast and takes as much memory as the model's own,
and says nothing of worth. It is written tensor by tensor, some megabytes at a time.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from haqa_bench.arithmetic.architectures import Shape
from haqa_bench.backends.gguf_files import RANDOM_KEY
from haqa_bench.backends.jobs import Done
from haqa_bench.backends.llama_jobs import RandomModel, WriteRandom
from haqa_bench.backends.workers import gguf_header, hollow, made_up_words, random_blocks
from haqa_bench.backends.workers.frame import Refused, Unusable
from haqa_bench.backends.workers.gguf_header import Placed, aligned
from haqa_bench.backends.workers.gguf_sizes import read_sizes
from haqa_bench.backends.workers.llama_cpp_memory import tensors
from haqa_bench.backends.workers.llama_logged import work_logged
from haqa_bench.backends.workers.quantizing import file_type


def write_random(job: WriteRandom) -> Done:
    """The file, or all of it but its data."""
    target = Path(job.target)
    try:
        placed = _placed(job.model, job.format)
        begin = gguf_header.finish(_described(job, target), placed, target)
        if job.data:
            _fill(target, begin, placed, job.model.seed)
    except OSError as error:
        raise Unusable(job.target, error.strerror or str(error)) from None
    return Done()


def _placed(model: RandomModel, name: str) -> list[Placed]:
    """Each tensor in the type that llama.cpp's quantizer chooses for it in a format."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "hollow.gguf"
        hollow.write(model.dimensions, source, model.architecture)
        types = {one.name: Type[one.type.upper()] for one in tensors(str(source), name)}
    if strange := [kind.name for kind in types.values() if not random_blocks.known(kind)]:
        raise Refused(f"{name} has tensors of {strange[0]}, of which no random ones are made here")
    return gguf_header.in_types(model.architecture, model.dimensions, types)


def _described(job: WriteRandom, target: Path) -> gguf.GGUFWriter:
    model = job.model
    made = gguf_header.writer(target, model.architecture, model.dimensions)
    made.add_string(RANDOM_KEY, "random")
    made.add_uint64("haqa_bench.seed", model.seed)
    made.add_name(f"{model.name or model.architecture} of random weights")
    made.add_file_type(file_type(job.format))
    made_up_words.add(made, model.architecture, model.dimensions)
    return made


def _fill(target: Path, begin: int, placed: list[Placed], seed: int) -> None:
    with target.open("r+b") as file:
        for number, one in enumerate(placed):
            file.seek(begin)
            for piece in _data(one, (seed, number)):
                file.write(piece.data)
            begin += aligned(one.stored)


def _data(one: Placed, seed: tuple[int, int]) -> Iterator[random_blocks.Bytes]:
    """Norms are 1 and biases 0; what multiplies n numbers has a spread of 1 / sqrt(n), so that
    what comes out is as large as what goes in.
    """
    sizes = one.shape.sizes
    if len(sizes) == 1:
        yield np.full(sizes, _filled(one.shape), np.float32).view(np.uint8)
    else:
        yield from random_blocks.drawn(one.type, one.shape.weights, 1 / math.sqrt(sizes[-1]), seed)


def _filled(shape: Shape) -> float:
    return 0.0 if shape.name.endswith(".bias") else 1.0


if __name__ == "__main__":
    work_logged(write_random, read_sizes)
