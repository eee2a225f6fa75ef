"""What a run asks of llama.cpp, and what llama.cpp tells: documents of the workers `llama_cpp` and
`llama_cpp_memory`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from haqa_bench.arithmetic.memory import COUNT_MAX, LAYERS_MAX
from haqa_bench.backends.jobs import Done, Example, Job
from haqa_bench.backends.wire import Mismatch, build
from haqa_bench.errors import EvaluationFailed, Status

WORKER = "haqa_bench.backends.workers.llama_cpp"
MEMORY_WORKER = "haqa_bench.backends.workers.llama_cpp_memory"
DEVICE_WORKER = "haqa_bench.backends.workers.llama_cpp_devices"
RANDOM_WORKER = "haqa_bench.backends.workers.random_weights"
PLAN_MEMORY_BYTES = 4 * 2**30
"""What a process may take that only reads headers and plans: many times what it needs."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of llama.cpp's settings that a space may have, with llama.cpp's own defaults."""

    n_threads: int
    n_threads_batch: int
    n_gpu_layers: int = 0
    split_mode: Literal["none", "layer", "row"] = "layer"
    main_gpu: int = 0
    n_batch: int = 2048
    n_ubatch: int = 512
    flash_attn: Literal["auto", "on", "off"] = "auto"
    type_k: str = "f16"
    type_v: str = "f16"
    mmap: bool = True
    repack: bool = True
    """Whether a CPU may compute on weights rearranged for its wide vectors (use_extra_bufts)."""
    tensor_split: str = ""
    """What share of the layers each device has, as '3,1'; empty: by their free memory."""
    cpu_moe: bool = False
    """Whether the weights of all experts stay on the CPU."""
    n_cpu_moe: int = 0
    """Of how many layers, from the first on, the weights of the experts stay on the CPU."""
    override_tensor: str = ""
    """Tensors whose name matches go to a type of buffers: 'PATTERN=CPU,PATTERN=CUDA1'."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Each device's share of the layers."""
        return tuple(float(part) for part in self.tensor_split.split(",") if part)

    @property
    def overrides(self) -> tuple[tuple[str, str], ...]:
        """Patterns of tensors' names, and the types of buffers that they go to; the first that
        matches counts.
        """
        return tuple(_overrides(self))


def _overrides(settings: Settings) -> Iterator[tuple[str, str]]:
    for part in filter(None, settings.override_tensor.split(",")):
        pattern, _, buffer_type = part.rpartition("=")
        yield pattern, buffer_type
    if settings.cpu_moe:
        yield EXPERTS, "CPU"
    for layer in range(settings.n_cpu_moe):
        yield rf"blk\.{layer}{EXPERTS}", "CPU"


EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"
"""llama.cpp's own pattern (common.h, LLM_FFN_EXPS_REGEX)."""
SETTINGS = tuple(field.name for field in fields(Settings))
THREADS = range(1, 513)
"""As many threads as ggml can start."""
COUNTS = range(1, COUNT_MAX + 1)
WITHIN: Mapping[str, range] = {
    "n_threads": THREADS,
    "n_threads_batch": THREADS,
    "n_batch": COUNTS,
    "n_ubatch": COUNTS,
    "n_gpu_layers": range(-1, COUNT_MAX + 1),
    "main_gpu": range(COUNT_MAX + 1),
    "n_cpu_moe": range(LAYERS_MAX + 1),
}
"""What each setting may be: a larger number would wrap around on its way into llama.cpp."""
TEXT_MAX = 500
"""Characters of a setting in words."""
SPLIT = re.compile(r"\d{1,6}(\.\d{1,6})?(,\d{1,6}(\.\d{1,6})?)*")
ONE_THREAD = Settings(n_threads=1, n_threads_batch=1)
"""llama.cpp's defaults, where nothing is timed."""


def with_defaults(configuration: Mapping[str, object]) -> Settings:
    """The settings of a configuration, llama.cpp's own default where it leaves one out;
    n_threads_batch follows n_threads, as in llama.cpp's tools.

    Raises:
        EvaluationFailed: a value is of another type than llama.cpp takes, or out of its range.
    """
    given = {name: value for name, value in configuration.items() if name != "format"}
    try:
        settings = build(Settings, {"n_threads_batch": given.get("n_threads"), **given})
    except Mismatch as fault:
        raise EvaluationFailed(Status.REFUSED, str(fault)) from None
    for name, allowed in WITHIN.items():
        if (value := getattr(settings, name)) not in allowed:
            reason = f"{name}: {value} is not between {allowed[0]} and {allowed[-1]}"
            raise EvaluationFailed(Status.REFUSED, reason)
    split, moved = settings.tensor_split, settings.override_tensor
    if in_words := fault_of_split(split) or fault_of_override(moved):
        raise EvaluationFailed(Status.REFUSED, in_words)
    return settings


def fault_of_split(text: str) -> str:
    """Why a text is no tensor_split; nothing where it is one."""
    if not text or (len(text) <= TEXT_MAX and SPLIT.fullmatch(text) and re.search("[1-9]", text)):
        return ""
    return f"tensor_split: '{text[:40]}' is no list of shares such as 3,1"


def fault_of_override(text: str) -> str:
    """Why a text is no override_tensor; nothing where it is one."""
    if len(text) > TEXT_MAX:
        return f"override_tensor: has {len(text)} characters, more than {TEXT_MAX}"
    for part in text.split(",") if text else ():
        pattern, _, buffer_type = part.rpartition("=")
        if not pattern or not re.fullmatch(r"\w+", buffer_type):
            return f"override_tensor: '{part[:60]}' is not of the form PATTERN=BUFFER, as exps=CPU"
        try:
            re.compile(pattern)
        except re.error as error:
            return f"override_tensor: '{pattern[:60]}' is no pattern: {error}"
    return ""


@dataclass(frozen=True, kw_only=True)
class Quantize(Job[Done], worker=WORKER):
    """Write `source` in a `format` or recipe (arithmetic.formats) to `target`; all of it in the
    format's main type where it is to be `pure`. `imatrix` is an importance matrix's file.
    """

    source: str
    target: str
    format: str
    pure: bool = False
    imatrix: str = ""


@dataclass(frozen=True)
class Contents:
    """What a GGUF file really holds: weights by tensor type, those of them that a token is
    `multiplied` by (an embedding is looked up, but where it is the output layer), and bytes.
    """

    weights: Mapping[str, int]
    multiplied: Mapping[str, int]
    layers: int
    stored_bytes: int
    file_bytes: int

    @property
    def parameters(self) -> int:
        """All weights."""
        return sum(self.weights.values())

    @property
    def bits_per_weight(self) -> float:
        """Of the tensors, block scales included."""
        return 8 * self.stored_bytes / self.parameters

    @property
    def tensor_types(self) -> str:
        """The types with their shares of all weights, for people: 'Q4_0 80.1 %, Q8_0 19.9 %'."""
        shares = {name: 100 * count / self.parameters for name, count in self.weights.items()}
        return ", ".join(f"{name} {share:.1f} %" for name, share in shares.items())


@dataclass(frozen=True, kw_only=True)
class Inspect(Job[Contents], worker=WORKER):
    """Say what the GGUF files of a model hold."""

    files: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """One prompt and its answer, in seconds: ours, llama.cpp's own, and what others took of the
    machine.
    """

    prompt_s: float
    first_token_s: float
    generate_s: float
    total_s: float
    llama_prompt_s: float
    llama_generate_s: float
    others_share: float
    involuntary_switches: int
    energy_j: float | None = None
    """What the machine took meanwhile, in joules; None where it does not tell."""


@dataclass(frozen=True)
class Measured:
    """What a process found: perplexity and held_out_loss (nats) where they were asked for, and
    `facts`, what llama.cpp says took effect.
    """

    load_s: float
    samples: tuple[Sample, ...]
    peak_bytes: int
    perplexity: float | None
    held_out_loss: float | None
    facts: Mapping[str, str]
    device_bytes: int | None = None
    """The most that devices' memory held of it; None where no device is used."""


@dataclass(frozen=True, kw_only=True)
class Measure(Job[Measured], worker=WORKER):
    """Load a model, warm up, and take samples of `n_prompt` tokens read and `n_generate` generated.

    Perplexity is of the first `quality_tokens` of `text`, the loss of `examples`, where there are
    any. The warm-up reads `warm_up` tokens of the prompt, all where it is None. `depth` tokens,
    which the file `filled` holds (Fill), lie in the cache before each sample.
    """

    model: str
    settings: Settings
    n_ctx: int
    n_prompt: int
    n_generate: int
    repeats: int
    warm_up: int | None = None
    depth: int = 0
    filled: str = ""
    text: str = ""
    quality_tokens: int = 0
    examples: tuple[Example, ...] = ()
    planned: Mapping[str, int] = field(default_factory=dict)
    """Bytes of weights that are to lie on each device, where that is known."""


@dataclass(frozen=True, kw_only=True)
class Fill(Job[Done], worker=WORKER):
    """Read `depth` tokens into a context, and write what its cache then holds to `target`."""

    model: str
    settings: Settings
    n_ctx: int
    depth: int
    target: str


@dataclass(frozen=True)
class FoundDevice:
    """A device as llama.cpp knows it: its memory in bytes (0: not told)."""

    name: str
    about: str
    kind: str
    backend: str
    total: int
    free: int


@dataclass(frozen=True)
class FoundDevices:
    """All devices of llama.cpp, the CPU among them, and its version."""

    devices: tuple[FoundDevice, ...]
    version: str


@dataclass(frozen=True, kw_only=True)
class FindDevices(Job[FoundDevices], worker=WORKER):
    """Say which devices there are."""


@dataclass(frozen=True)
class Answers:
    """Tokens that follow each prompt."""

    answers: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Answer(Job[Answers], worker=WORKER):
    """Choose greedily what follows each of `prompts`, in tokens: at most `n_generate`, up to where
    the model ends.
    """

    model: str
    settings: Settings
    n_ctx: int
    prompts: tuple[tuple[int, ...], ...]
    n_generate: int


@dataclass(frozen=True)
class FormatSizes:
    """A model in one format: bytes of its weights and of their repacked copy, bytes by tensor type,
    and the weights of each type that a token is multiplied by.
    """

    weights: int
    repacked: int
    types: Mapping[str, int]
    multiplied: Mapping[str, int]


@dataclass(frozen=True)
class Simulated:
    """Bytes by part, as arithmetic.memory names them; `formats` in the order asked for; and the
    tokens of the longest context that the model was trained for.
    """

    cache: int
    compute: int
    output: int
    work: int
    runtime: int
    n_ctx_train: int
    formats: Mapping[str, FormatSizes]


@dataclass(frozen=True, kw_only=True)
class Simulate(Job[Simulated], worker=MEMORY_WORKER):
    """Plan a model's buffers without loading it, in each of `formats` (memory.OWN: the file's)."""

    model: str
    formats: tuple[str, ...]
    settings: Settings
    n_ctx: int
    n_outputs: int


@dataclass(frozen=True)
class Place:
    """What would lie on a device, or on the host: layers, the output layer counted; bytes of
    weights and of their repacked copies by format; and bytes of the rest, by part.
    """

    name: str
    about: str
    layers: int
    weights: Mapping[str, int]
    repacked: Mapping[str, int]
    cache: int
    compute: int
    output: int


@dataclass(frozen=True)
class Planned:
    """Every device, and the host last. `here`: llama.cpp knows the devices; else they are
    declared, and the CPU's buffers stand for theirs.
    """

    places: tuple[Place, ...]
    here: bool
    n_ctx_train: int


@dataclass(frozen=True, kw_only=True)
class PlanDevices(Job[Planned], worker=DEVICE_WORKER):
    """Plan on which device what of a model would lie, in each of `formats`."""

    model: str
    formats: tuple[str, ...]
    settings: Settings
    n_ctx: int
    n_outputs: int


@dataclass(frozen=True)
class PeakBytes:
    """The most memory that a process ever had."""

    peak: int


@dataclass(frozen=True, kw_only=True)
class Peak(Job[PeakBytes], worker=MEMORY_WORKER):
    """Fill a context of `n_ctx` tokens."""

    model: str
    settings: Settings
    n_ctx: int


@dataclass(frozen=True, kw_only=True)
class WriteHollow(Job[Done], worker=MEMORY_WORKER):
    """Write a model of these `dimensions`, without weights, as the GGUF file `target`."""

    dimensions: Mapping[str, int]
    target: str
    architecture: str = "llama"


@dataclass(frozen=True, kw_only=True)
class RandomModel:
    """A model of random weights: sizes as `arithmetic.architectures` names them, the seed, and what
    it is called.
    """

    architecture: str
    dimensions: Mapping[str, int]
    seed: int = 0
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class ReadSizes(Job[RandomModel], worker=RANDOM_WORKER):
    """Read from GGUF files what a model of random weights has to be made of to be their twin."""

    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WriteRandom(Job[Done], worker=RANDOM_WORKER):
    """Write a model of random weights in llama.cpp's `format` as the GGUF file `target`; with a
    hole in place of its `data` where that is false.
    """

    model: RandomModel
    format: str
    target: str
    data: bool = True
