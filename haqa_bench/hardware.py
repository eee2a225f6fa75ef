"""Hardware profiles: what a device has, each figure with where it comes from.

The profiles are `hardware/NAME.yaml`. Rates are dense peaks: datasheets like to print twice as
much, for matrices of which half is zero. A format is *native* where the arithmetic units take it as
it is; any other is unpacked first, which costs instructions.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    FiniteFloat,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from haqa_bench import shipped
from haqa_bench.documents import Document, JsonObject, read_yaml
from haqa_bench.errors import HaqaError, nearest

SOFTWARE = re.compile("llvmpipe|swiftshader", re.IGNORECASE)
"""In the titles of devices that are none."""
TARGET = re.compile(
    r"^(ssh|adb)://((?:[A-Za-z0-9._]+@)?[A-Za-z0-9][A-Za-z0-9._-]*)(?::(\d+))?(/[A-Za-z0-9._/-]+)$"
)
"""How, where, at which port and in which folder a device is reached."""
Text = Annotated[str, Field(min_length=1)]

UNSTATED = "unstated"
"""The profile, and the bit-width, of measurements of which nobody said what they were taken on."""


class Figure(Document):
    """A number, its unit and its source. `value` is None where it is unknown; `source` then says
    why.
    """

    value: Annotated[FiniteFloat, Field(ge=0)] | None
    unit: Text
    source: Text


class Device(Document):
    """A device of llama.cpp's: its name there, such as CUDA0, what it is, whose backend it is of,
    and its memory, all of it and what was free.
    """

    name: Text
    title: Text
    kind: Text
    backend: Text
    memory: Figure
    free: Figure

    @property
    def software(self) -> bool:
        """Whether it computes on the CPU, though ggml calls it a GPU, as any of Vulkan's."""
        return bool(SOFTWARE.search(self.title))


class Compiler(Document):
    """What a compiler of kernels makes code for: its name, the instruction set, and that set's
    vector registers, how many there are and how many float32 each holds; from `source`.
    """

    name: Text
    target: Text
    registers: int = Field(ge=1)
    floats: int = Field(ge=1)
    source: Text


class Hardware(Document):
    """A device that a cell runs on. Rates are peaks as published or measured, never estimates
    without saying so.
    """

    name: Text
    title: Text
    kind: Literal["cpu", "gpu", "phone", "unstated"]
    cores: Figure
    memory: Figure
    bandwidth: Figure
    """Of the memory, in GB/s (10^9 bytes)."""
    caches: dict[str, Figure] = Field(default_factory=dict)
    instruction_sets: tuple[str, ...] = ()
    native_formats: tuple[str, ...]
    """Number formats that the arithmetic units take without unpacking, such as int8, fp16, int4."""
    native_formats_source: Text
    rates: dict[str, Figure] = Field(default_factory=dict)
    """Peak rate by number format, in TFLOPS or TOPS."""
    weight_cost: dict[str, Figure] = Field(default_factory=dict)
    """What a weight takes to be unpacked and multiplied once it is in a cache, in ps, by ggml's
    tensor type, where that was measured.
    """
    layer_overhead: Figure | None = None
    """What a layer takes beside that, in us, where that was measured."""
    read_bandwidth: Figure | None = None
    """Of all cores that only read, in GB/s, where that was measured; `bandwidth` is of one that
    copies.
    """
    copy_bandwidth: Figure | None = None
    """Of all cores that copy, in GB/s, bytes read and written, where that was measured."""
    compiler: Compiler | None = None
    """Of kernels, where it is known what it makes code for."""
    target: str = ""
    """Where it is, if it is not this machine: ssh://USER@HOST:PORT/FOLDER or adb://SERIAL/FOLDER,
    where llama.cpp's programs are.
    """
    devices: tuple[Device, ...] = ()
    """What llama.cpp can put layers on, beside the CPU, where that was detected."""
    notes: str = ""

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, dump: SerializerFunctionWrapHandler) -> JsonObject:
        """Profiles are as they were before there were devices, or what is of kernels."""
        kept: JsonObject = dump(self)
        later = ("devices", "copy_bandwidth", "compiler")
        return {name: value for name, value in kept.items() if name not in later or value}

    @field_validator("target")
    @classmethod
    def _known_form(cls, text: str) -> str:
        if text and not TARGET.match(text):
            raise ValueError(
                f"'{text}' is not of the form ssh://USER@HOST:PORT/FOLDER or adb://SERIAL/FOLDER"
            )
        return text


def profiles(folder: Path) -> list[Hardware]:
    """Every profile in `folder`, hardware/ of a project, and of the package, by file name.

    Raises:
        HaqaError: there are none, or one is wrong.
    """
    return [read_yaml(path, Hardware) for path in _files(folder).values()]


def load(folder: Path, name: str) -> Hardware:
    """The profile in `folder`/`name`.yaml, hardware/ of a project, or else that of the package.

    Raises:
        HaqaError: no such profile (names those there are), or it is wrong.
    """
    files = _files(folder)
    if name not in files:
        raise HaqaError(
            folder,
            f"no hardware profile '{name}'",
            f"{nearest(name, files)} (haqa-bench hardware list)",
        )
    return read_yaml(files[name], Hardware)


def to_yaml(hardware: Hardware) -> str:
    """A profile as the text of its file, from which `load` makes an equal one."""
    import io

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = None  # a figure is written on one line
    yaml.width = 140
    text = io.StringIO()
    unsaid = {
        name
        for name in ("weight_cost", "layer_overhead", "read_bandwidth", "target")
        if not getattr(hardware, name)
    }
    said = hardware.model_dump_json(exclude=unsaid)
    yaml.allow_unicode = said.isprintable()  # else as escapes: U+0085 ends a line in YAML
    yaml.dump(json.loads(said, parse_float=_plain), text)
    lines = text.getvalue().removesuffix("\n").split("\n")
    return "".join(f"{line.rstrip(' ')}\n" for line in lines)  # ruamel's blank where it folds


def _plain(number: str) -> float:
    """Without `.0`, but where a whole number would be refused as too large."""
    whole = number.endswith(".0") and abs(float(number)) <= 2**53
    return int(number.removesuffix(".0")) if whole else float(number)


def _files(folder: Path) -> dict[str, Path]:
    every = shipped.files(folder.parent, f"{folder.name}/*.yaml").values()
    files = {path.stem: path for path in every}
    if not files:
        raise HaqaError(
            folder,
            "no hardware profiles here",
            "Name the folder that holds hardware/ with --project",
        )
    return files
