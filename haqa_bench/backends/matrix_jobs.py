"""What an importance matrix says of a model: documents of the worker `matrices`."""

from dataclasses import dataclass

from haqa_bench.backends.jobs import Job


@dataclass(frozen=True)
class Matrix:
    """What an importance matrix was made of, so many `chunks` of as many tokens of texts, and how
    many of a model's `matrices` it says something of.
    """

    covered: int
    matrices: int
    chunks: int
    chunk_tokens: int
    datasets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class InspectMatrix(Job[Matrix], worker="haqa_bench.backends.workers.matrices"):
    """Say what the importance matrix in a file has to do with the model in `files`."""

    imatrix: str
    files: tuple[str, ...]
