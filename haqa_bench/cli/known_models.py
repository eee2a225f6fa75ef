"""The models that random weights can be made of, by what a user calls them: a model of a suite,
transformers' config.json, or a GGUF file, whose twin is made.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.arithmetic.architectures import WRITTEN, fault_of_model, parameters
from haqa_bench.backends import gguf_files, gguf_models
from haqa_bench.backends.llama_jobs import PLAN_MEMORY_BYTES, RandomModel, ReadSizes
from haqa_bench.backends.process import run_job
from haqa_bench.backends.random_models import identity
from haqa_bench.backends.transformers_config import dimensions_of
from haqa_bench.documents import read_yaml
from haqa_bench.errors import EvaluationFailed, HaqaError, nearest
from haqa_bench.project import Project
from haqa_bench.suite import file_type

READ_TIMEOUT_S = 600.0
NAMED_BY = "Name a model of a suite, a config.json of transformers, or a GGUF file"


class Known(NamedTuple):
    """A model that suites state the sizes of: its name, the suites', and whether they run it with
    random weights.
    """

    name: str
    suites: tuple[str, ...]
    model: RandomModel
    synthetic: bool

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return parameters(self.model.architecture, self.model.dimensions)


def known(project: Project, suite: Path | None = None) -> list[Known]:
    """The models of the project's suites, or of one, that state enough sizes. What a suite runs
    with random weights hides a model of the same name that another states the sizes of for other
    ends. Of all suites, one that cannot be read has none.

    Raises:
        HaqaError: the one that is asked for cannot be read.
    """
    if suite is not None:
        return _merged(list(_of_suite(suite.stem, suite)))
    found: list[Known] = []
    for name, path in project.suites.items():
        try:
            found += _of_suite(name, path)
        except HaqaError:  # `suite validate` says what is wrong with it
            continue
    run = {one.name.casefold() for one in found if one.synthetic}
    return _merged([one for one in found if one.synthetic or one.name.casefold() not in run])


def _merged(found: Sequence[Known]) -> list[Known]:
    """Each model once, with all suites that state it alike."""
    merged: dict[tuple[str, str], Known] = {}
    for one in found:
        key = (one.name.casefold(), identity(one.model))
        before = merged.get(key, one._replace(suites=()))
        merged[key] = before._replace(suites=(*before.suites, *one.suites))
    return list(merged.values())


def _of_suite(name: str, path: Path) -> Iterator[Known]:
    for called, model in read_yaml(path, file_type()).models.items():
        if not fault_of_model(model.architecture, model.dimensions):
            random = RandomModel(
                architecture=model.architecture, dimensions=model.dimensions, name=called
            )
            yield Known(called, (name,), random, model.synthetic)


def chosen(word: str, models: Sequence[Known]) -> RandomModel:
    """What a user's word stands for.

    Raises:
        HaqaError: nothing, or two suites state different sizes under one name.
    """
    path = Path(word)
    if path.suffix == ".gguf" or ":" in word:
        return twin_of(gguf_models.find(word))
    if path.suffix == ".json" or path.is_dir():
        config = path / "config.json" if path.is_dir() else path
        return _of_config(config)
    found = [one for one in models if one.name.casefold() == word.casefold()]
    if not found:
        names = list(dict.fromkeys(one.name for one in models))
        raise HaqaError(word, "no model of a suite is called so", nearest(word, names) or NAMED_BY)
    if len(found) > 1:
        suites = " and ".join(", ".join(one.suites) for one in found)
        raise HaqaError(word, f"is of other sizes in {suites}", "Name one with --suite")
    return found[0].model


def _of_config(config: Path) -> RandomModel:
    model = RandomModel(architecture="llama", dimensions=dimensions_of(config))
    if fault := fault_of_model(model.architecture, model.dimensions):
        todo = f"Random weights are made of {', '.join(WRITTEN)}"
        raise HaqaError(config, fault, todo)
    return model


def twin_of(path: Path) -> RandomModel:
    """What random weights have to be made of to be the twin of a GGUF model's.

    Raises:
        HaqaError: it cannot be read, or is of an architecture that none are made of.
    """
    gguf_models.require_gguf()
    files = tuple(str(file) for file in gguf_files.shards(path))
    try:
        return run_job(ReadSizes(files=files, memory_bytes=PLAN_MEMORY_BYTES), READ_TIMEOUT_S)
    except EvaluationFailed as failure:
        raise HaqaError(path, failure.reason) from None
