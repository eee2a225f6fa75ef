"""What of a tuning's recommendation.json is read again, and how it is told to people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from haqa_bench.documents import JsonObject, read_json

NAME = "recommendation.json"
LM_STUDIO, OLLAMA = "lm-studio", "ollama"
"""Beside them, `commands` has the command lines of llama.cpp's own programs."""


class File(BaseModel):
    """What is in the recommended file."""

    model_config = ConfigDict(frozen=True)
    file_bytes: int
    bits_per_weight: str
    tensor_types: str


class Memory(BaseModel):
    """What has to fit, in MB."""

    model_config = ConfigDict(frozen=True)
    peak_mb: float
    safe_mb: float
    limit_mb: float
    device_safe_mb: Mapping[str, float] = {}


class Written(BaseModel):
    """A recommendation: what is to be used, and how it is started."""

    model_config = ConfigDict(frozen=True)
    run: str
    settings: Mapping[str, str | int | float | bool]
    default_kept: bool
    file: str
    format: File
    memory: Memory
    commands: Mapping[str, str | list[str]]
    untold_to_ollama: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        """What to do."""
        return "llama.cpp's default is kept" if self.default_kept else "use these settings"

    @property
    def settings_told(self) -> str:
        """All settings, in one line."""
        return ", ".join(f"{name} {value}" for name, value in self.settings.items())

    @property
    def file_told(self) -> str:
        """The file, with what is in it."""
        found = self.format
        size = f"{found.file_bytes / 1e6:,.1f} MB"
        return f"{self.file} ({size}, {found.bits_per_weight} bits a weight: {found.tensor_types})"

    @property
    def untold(self) -> str:
        """What Ollama cannot be told; nothing where it can be told all."""
        if not self.untold_to_ollama:
            return ""
        return f"Ollama cannot be told: {', '.join(self.untold_to_ollama)}."

    @property
    def memory_told(self) -> str:
        """What it takes of the limit, and of each device where layers lie on one."""
        found = self.memory
        on_devices = "".join(
            f" On {name}: {size:,.0f} MB with its margin."
            for name, size in found.device_safe_mb.items()
        )
        return (
            f"{found.peak_mb:,.0f} MB, {found.safe_mb:,.0f} with its margin, of "
            f"{found.limit_mb:,.0f} (simulated).{on_devices}"
        )


def of_report(report: JsonObject) -> Written:
    """The recommendation in a report that is about to be written."""
    return Written.model_validate(report)


def read(folder: Path, run: str) -> Written | None:
    """The recommendation in a tuning's folder; None where there is none yet of the run whose folder
    has that name.

    Raises:
        HaqaError: it is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    found = read_json(path, Written, "Delete it, and run the same haqa-bench tune again")
    return found if Path(found.run).name == run else None
