"""The paper's eight tasks, by lm-eval's own definitions: from their hub names, or from files of a
data folder.

With a folder, each task gets a file that includes lm-eval's definition and changes where the items
come from: `lm_eval_tasks/NAME.SPLIT.jsonl`, in the columns of the hub's data set (HellaSwag alone
as lm-eval processes it: query, choices, gold).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError, nearest
from haqa_bench.tasks.folder import data_folder

FILES = {
    "boolq": "boolq.validation.jsonl",
    "rte": "rte.validation.jsonl",
    "winogrande": "winogrande.validation.jsonl",
    "openbookqa": "openbookqa.test.jsonl",
    "arc_challenge": "arc_challenge.test.jsonl",
    "arc_easy": "arc_easy.test.jsonl",
    "hellaswag": "hellaswag.validation.jsonl",
    "mathqa": "mathqa.test.jsonl",
}
"""The split that lm-eval tests on: test where its labels are public, else validation."""
CHANGED: Mapping[str, Mapping[str, Any]] = {
    "hellaswag": {"process_docs": None, "doc_to_target": "gold"}
}


class Tasks(NamedTuple):
    """Names of tasks in order, and the files of the items of each, where they come from a
    folder.
    """

    names: Sequence[str]
    files: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """Of names and of the contents of all files."""
        return sha256(
            {
                name: sha256(Path(self.files[name]).read_bytes()) if name in self.files else "hub"
                for name in self.names
            }
        )


def find(names: Sequence[str]) -> Tasks:
    """The tasks of those names.

    Raises:
        HaqaError: one is none of the eight, or its file is missing.
    """
    folder = data_folder()
    for name in names:
        if name not in FILES:
            raise HaqaError("tasks", f"unknown '{name}'", nearest(name, FILES))
    if folder is None:
        return Tasks(names, {})
    files = {name: folder / "lm_eval_tasks" / FILES[name] for name in names}
    for name, path in files.items():
        if not path.is_file():
            raise HaqaError(
                path,
                f"the items of the task '{name}' are missing",
                "Put them there, or leave the task out of the suite's tasks",
            )
    return Tasks(names, {name: str(path.resolve()) for name, path in files.items()})


def definition(name: str, of_lm_eval: Path, items: str) -> dict[str, Any]:
    """A task file's content: lm-eval's own, at `of_lm_eval`, with the items of the JSONL file
    `items`.
    """
    return {
        "include": str(of_lm_eval),
        "task": f"{name}_from_file",
        "tag": None,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {"test": items}},
        "training_split": None,
        "validation_split": None,
        "test_split": "test",
        **CHANGED.get(name, {}),
    }
