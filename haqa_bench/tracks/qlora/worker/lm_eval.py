"""Tries a model on lm-eval's tasks. Batches are of items of like length, which lm-eval sees to."""

import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lm_eval
from datasets.exceptions import DatasetGenerationError
from jinja2 import UndefinedError
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from haqa_bench.tasks.lm_eval import definition

ITEMS_SEED = 0
BATCH = 16


class Unreadable(Exception):
    """Items that are damaged: where, and what is wrong."""


def tried(
    model: Any,
    tokenizer: Any,
    names: Sequence[str],
    files: Mapping[str, str],
    items: int | None = None,
    skipped: int = 0,
) -> dict[str, Any]:
    """By task: the numbers of the items that were tried, and `acc` and `acc_norm` of each, 0 or 1.

    Tried are `items` of each task in an order drawn once, after as many as are `skipped`; all where
    it is None.

    Raises:
        Unreadable: the items of a task are damaged.
    """
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        manager = _with_files(files, Path(folder)) if files else TaskManager()
        model = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=BATCH)
        for name in names:
            task = f"{name}_from_file" if files else name
            count = _checked(manager, task, files.get(name, name))
            numbers = _drawn(count, items, skipped)
            if not numbers:
                raise Unreadable(
                    files.get(name, name), f"has {count} items: none are left after {skipped}"
                )
            results[name] = _tried(model, task, manager, numbers)
    return results


def _checked(manager: TaskManager, name: str, where: str) -> int:
    """How many items a task has, each of which can be asked."""
    try:
        task = manager.load(name)["tasks"][name]
        for item in task.eval_docs:
            task.doc_to_text(item), task.doc_to_choice(item), task.doc_to_target(item)
    except (DatasetGenerationError, UndefinedError, KeyError, ValueError, IndexError) as error:
        raise Unreadable(where, f"damaged: {str(error).splitlines()[0]}") from None
    return len(task.eval_docs)


def _drawn(count: int, items: int | None, skipped: int) -> list[int]:
    order = random.Random(ITEMS_SEED).sample(range(count), count)
    return sorted(order[skipped : None if items is None else skipped + items])


def _tried(model: HFLM, task: str, manager: TaskManager, numbers: list[int]) -> dict[str, Any]:
    found = lm_eval.simple_evaluate(
        model=model, tasks=[task], task_manager=manager, samples={task: numbers}, bootstrap_iters=0
    )
    assert found is not None
    samples = sorted(found["samples"][task], key=lambda s: s["doc_id"])
    scores = {
        metric: [int(s[metric]) for s in samples]
        for metric in ("acc", "acc_norm")
        if metric in samples[0]
    }
    return {"items": [s["doc_id"] for s in samples], **scores}


def _with_files(files: Mapping[str, str], folder: Path) -> TaskManager:
    """lm-eval's tasks, and ours beside them, whose items are files'."""
    known = TaskManager()
    for name, items in files.items():
        own = Path(known.task_index[name].yaml_path)
        (folder / f"{name}.yaml").write_text(
            json.dumps(definition(name, own, items)), "utf-8"
        )  # JSON is YAML
    return TaskManager(include_path=str(folder))
