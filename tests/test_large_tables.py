"""A table of a hundred thousand configurations is loaded in a second and 150 MB."""

import sys

import pytest
from support import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import large_tables

from haqa_bench import suite
from haqa_bench.project import Project
from haqa_bench.run.study import evaluator_of
from haqa_bench.space import key_of
from support import plan  # noqa: F401

SIZE = 100_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    large_tables.make(folder, SIZE)
    return folder
