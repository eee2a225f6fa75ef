"""Tries a model on lm-eval's tasks. Batches are of items of like length, which lm-eval sees to."""

import json
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

import lm_eval
from datasets.exceptions import DatasetGenerationError
from jinja2 import UndefinedError
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from haqa_bench.backends.workers.frame import Unusable
from haqa_bench.tasks.lm_eval import definition
from haqa_bench.tracks.qlora.jobs import Scores, TaskItems
from haqa_bench.tracks.qlora.worker.models import Loaded

ITEMS_SEED = 0
BATCH = 16


def scores_of(loaded: Loaded, tasks: TaskItems) -> dict[str, Scores]:
    """By task, what the model scores on its items.

    Raises:
        Unusable: the items of a task are damaged, or too few.
    """
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        manager = _with_files(tasks.files, Path(folder)) if tasks.files else TaskManager()
        model = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=BATCH)
        for name in tasks.names:
            task, where = f"{name}_from_file" if tasks.files else name, tasks.files.get(name, name)
            count = _checked(manager, task, where)
            numbers = _drawn(count, tasks.items, tasks.skipped)
            if not numbers:
                raise Unusable(where, f"has {count} items: none are left after {tasks.skipped}")
            results[name] = _tried(model, task, manager, numbers)
    return results


def _checked(manager: TaskManager, name: str, where: str) -> int:
    """How many items a task has, each of which can be asked."""
    try:
        task = manager.load(name)["tasks"][name]
        for item in task.eval_docs:
            task.doc_to_text(item), task.doc_to_choice(item), task.doc_to_target(item)
    except (DatasetGenerationError, UndefinedError, KeyError, ValueError, IndexError) as error:
        raise Unusable(where, f"damaged: {str(error).splitlines()[0]}") from None
    return len(task.eval_docs)


def _drawn(count: int, items: int | None, skipped: int) -> list[int]:
    order = random.Random(ITEMS_SEED).sample(range(count), count)
    return sorted(order[skipped : None if items is None else skipped + items])


def _tried(model: HFLM, task: str, manager: TaskManager, numbers: list[int]) -> Scores:
    found = lm_eval.simple_evaluate(
        model=model, tasks=[task], task_manager=manager, samples={task: numbers}, bootstrap_iters=0
    )
    samples = sorted(found["samples"][task], key=lambda s: s["doc_id"])
    acc, acc_norm = (
        tuple(int(s[metric]) for s in samples if metric in s) for metric in ("acc", "acc_norm")
    )
    return Scores(tuple(int(s["doc_id"]) for s in samples), acc, acc_norm)


def _with_files(files: Mapping[str, str], folder: Path) -> TaskManager:
    """lm-eval's tasks, and ours beside them, whose items are files'."""
    known = TaskManager()
    for name, items in files.items():
        own = Path(known.task_index[name].yaml_path)
        (folder / f"{name}.yaml").write_text(
            json.dumps(definition(name, own, items)), "utf-8"
        )  # JSON is YAML
    return TaskManager(include_path=str(folder))
