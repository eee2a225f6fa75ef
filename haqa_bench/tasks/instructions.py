"""Instructions to tune on, in Alpaca's form: a list of objects with `instruction`, `input` (may be
empty) and `output`.

From the hub by name (`hub:tatsu-lab/alpaca`), or from a JSON or JSONL file below the data folder.
The words around them are ours.
"""

from pathlib import Path

from pydantic import ValidationError

from haqa_bench.documents import Document, parse_json, read_text
from haqa_bench.errors import HaqaError
from haqa_bench.tasks.folder import VARIABLE, data_folder


class Instruction(Document):
    """An instruction, what it is about, and the answer wanted."""

    instruction: str
    input: str = ""
    output: str

    @property
    def prompt(self) -> str:
        """What the model is shown; it learns the answer alone."""
        about = f"### Input:\n{self.input}\n\n" if self.input else ""
        return f"### Instruction:\n{self.instruction}\n\n{about}### Response:\n"


def load(source: str) -> list[Instruction]:
    """The instructions that `source` names, in their order.

    Raises:
        HaqaError: missing, damaged, or of another form; names file and item.
    """
    return (
        _from_hub(source.removeprefix("hub:")) if source.startswith("hub:") else _from_file(source)
    )


def _from_file(name: str) -> list[Instruction]:
    folder = data_folder()
    if folder is None:
        raise HaqaError(
            name,
            "lies in a data folder, and none is given",
            f"Give one with --data-dir or {VARIABLE}",
        )
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise HaqaError(name, "must lie below the data folder")
    text, todo = read_text(path), "Mend it, or fetch it again"
    if path.suffix != ".jsonl":
        return _checked(path, parse_json(path, text, todo))
    lines = enumerate(text.split("\n"), 1)
    items = [parse_json(f"{path}:{n}", line, todo) for n, line in lines if line.strip()]
    return _checked(path, items)


def _checked(where: Path | str, items: object) -> list[Instruction]:
    if not isinstance(items, list) or not items:
        raise HaqaError(where, "holds no list of instructions")
    found = []
    for number, item in enumerate(items):
        known = (
            {k: v for k, v in item.items() if k in Instruction.model_fields}
            if isinstance(item, dict)
            else item
        )
        try:
            found.append(Instruction.model_validate(known))
        except ValidationError as error:
            fault = error.errors()[0]
            raise HaqaError(
                where,
                f"item {number}: {'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}",
                "Alpaca's form is wanted",
            ) from None
    return found


def _from_hub(name: str) -> list[Instruction]:
    try:
        from datasets import load_dataset

        return _checked(name, list(load_dataset(name, split="train")))
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise HaqaError(
            f"hub:{name}",
            str(error).splitlines()[0],
            "Check name and network, or name a file of a data folder",
        ) from None
