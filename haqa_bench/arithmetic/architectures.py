"""The tensors of a language model, from its sizes: their names and shapes, as llama.cpp has them.

`llama` (LLaMA, Mistral, TinyLlama; with `experts`, a mixture of experts as Mixtral is), `qwen2`
(the same, with biases where queries, keys and values are made), `gemma3` (sliding windows, more
norms) and `gpt2` (learned positions, one matrix for queries, keys and values, biases everywhere).

Sizes are named as in `arithmetic.memory.NEEDED`; beside these `kv_heads` (as many as `heads` where
left out), `head_size` (`hidden` / `heads`), `tied` (1: the output layer is the embedding),
`context` and `window` (tokens), `experts` and `experts_used`, and `merges` (of a tokenizer of byte
pairs; one that states none has SentencePiece's).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from haqa_bench.arithmetic.memory import COUNT_MAX, NEEDED, SIZE_MAX, fault_of_sizes

Sizes = Mapping[str, int]
OPTIONAL = ("kv_heads", "head_size", "tied", "context", "experts", "experts_used", "merges")
"""The sizes that a model may state beside those that it has to."""
LEAST_VOCABULARY = 512
"""Tokens: the 256 bytes, what begins and ends a text, and some words."""
GPT2_CONTEXT = 1024
NO_LIMIT = 2**31 - 1
"""The context that a model was trained for, where that is not known: llama.cpp wants a number."""
BYTES = 256
"""Tokens of a tokenizer that are single bytes."""
EXPERTS_MAX = 512
"""The most that llama.cpp takes (LLAMA_MAX_EXPERTS)."""


class Shape(NamedTuple):
    """A tensor: its name, its sizes, the outermost first, and whether it is float32 in every
    format.
    """

    name: str
    sizes: tuple[int, ...]
    float32: bool = False

    @property
    def weights(self) -> int:
        """How many there are."""
        return math.prod(self.sizes)


def tensors(architecture: str, sizes: Sizes) -> list[Shape]:
    """All tensors of a model, in the order in which its file holds them."""
    return list(LAYOUTS[architecture](sizes))


def parameters(architecture: str, sizes: Sizes) -> int:
    """How many weights a model has, as its authors count them: an output layer that is the
    embedding counts once.
    """
    return sum(tensor.weights for tensor in tensors(architecture, sizes))


def head_size(sizes: Sizes) -> int:
    """Of one head's query."""
    return sizes.get("head_size", sizes["hidden"] // sizes["heads"])


def kv_heads(sizes: Sizes) -> int:
    """The heads of keys and values: as many as there are of queries where nothing is said."""
    return sizes.get("kv_heads", sizes["heads"])


def whole(architecture: str, sizes: Sizes) -> dict[str, int]:
    """The sizes with all that they leave out, by name: what two ways to state one model share."""
    count = sizes["vocabulary"]
    left_out = {
        "kv_heads": sizes["heads"],
        "head_size": head_size(sizes),
        "tied": int(architecture == "gpt2"),
        "context": GPT2_CONTEXT if architecture == "gpt2" else NO_LIMIT,
        "merges": 0 if architecture == "llama" else count - BYTES - 1,
    }
    return dict(sorted({**left_out, **sizes}.items()))


def fault_of_model(architecture: str, sizes: Sizes) -> str:
    """Why no model of random weights can be made of these sizes, for people; nothing where one can.

    Every size has to be known, so that a misspelt one is told.
    """
    if architecture not in WRITTEN:
        return f"architecture '{architecture}' is none of {', '.join(WRITTEN)}"
    if unknown := sorted(sizes.keys() - {*NEEDED, *OPTIONAL}):
        return f"no dimension is called '{unknown[0]}': there are {', '.join((*NEEDED, *OPTIONAL))}"
    if missing := [size for size in NEEDED if size not in sizes]:
        return f"it has no dimension '{missing[0]}'; needed: {', '.join(NEEDED)}"
    return (
        fault_of_sizes(sizes)
        or _fault_of_extent(sizes)
        or _fault_of_experts(architecture, sizes)
        or _fault_of_gpt2(architecture, sizes)
    )


def _fault_of_extent(sizes: Sizes) -> str:
    least = {"vocabulary": LEAST_VOCABULARY, "context": 1, "tied": 0, "merges": 0}
    most = {"context": COUNT_MAX, "tied": 1, "merges": SIZE_MAX}
    for name, low in least.items():
        high = most.get(name, SIZE_MAX)
        if not low <= sizes.get(name, low) <= high:
            return f"{name} is {sizes[name]}, and not between {low} and {high}"
    return ""


def _fault_of_experts(architecture: str, sizes: Sizes) -> str:
    given = [name for name in ("experts", "experts_used") if name in sizes]
    if not given:
        return ""
    if architecture != "llama":
        return (
            f"{architecture} has no {given[0]}: a mixture of experts is of the llama architecture"
        )
    if len(given) == 1:
        return "experts and experts_used go together"
    used, there = sizes["experts_used"], sizes["experts"]
    if not 2 <= there <= EXPERTS_MAX:
        return f"experts is {there}, and not between 2 and {EXPERTS_MAX}"
    return "" if 1 <= used <= there else f"experts_used is {used}, and not between 1 and {there}"


def _fault_of_gpt2(architecture: str, sizes: Sizes) -> str:
    if architecture != "gpt2":
        return ""
    if kv_heads(sizes) != sizes["heads"]:
        return "gpt2 has as many kv_heads as heads"
    if head_size(sizes) * sizes["heads"] != sizes["hidden"]:
        return "gpt2's head_size is hidden / heads"
    return "" if sizes.get("tied", 1) else "gpt2's output layer is its embedding: tied is 1"


def _llama(sizes: Sizes) -> Iterator[Shape]:
    yield Shape("token_embd.weight", (sizes["vocabulary"], sizes["hidden"]))
    for layer in range(sizes["layers"]):
        yield from _named(layer, _llama_layer(sizes))
    yield from _output(sizes)


def _qwen2(sizes: Sizes) -> Iterator[Shape]:
    yield Shape("token_embd.weight", (sizes["vocabulary"], sizes["hidden"]))
    queries, keys = sizes["heads"] * head_size(sizes), kv_heads(sizes) * head_size(sizes)
    for layer in range(sizes["layers"]):
        yield from _named(layer, _llama_layer(sizes))
        biases = {"attn_q.bias": queries, "attn_k.bias": keys, "attn_v.bias": keys}
        yield from _named(layer, (Shape(name, (size,), True) for name, size in biases.items()))
    yield from _output(sizes)


def _gemma3(sizes: Sizes) -> Iterator[Shape]:
    yield Shape("token_embd.weight", (sizes["vocabulary"], sizes["hidden"]))
    norms = {
        "attn_q_norm": head_size(sizes),
        "attn_k_norm": head_size(sizes),
        "post_attention_norm": sizes["hidden"],
        "post_ffw_norm": sizes["hidden"],
    }
    for layer in range(sizes["layers"]):
        yield from _named(layer, _llama_layer(sizes))
        yield from _named(layer, (_norm(name, size) for name, size in norms.items()))
    yield from _output(sizes)


def _llama_layer(sizes: Sizes) -> Iterator[Shape]:
    hidden = sizes["hidden"]
    queries, keys = sizes["heads"] * head_size(sizes), kv_heads(sizes) * head_size(sizes)
    yield _norm("attn_norm", hidden)
    yield Shape("attn_q.weight", (queries, hidden))
    yield Shape("attn_k.weight", (keys, hidden))
    yield Shape("attn_v.weight", (keys, hidden))
    yield Shape("attn_output.weight", (hidden, queries))
    yield _norm("ffn_norm", hidden)
    yield from _feed_forward(hidden, sizes["feed_forward"], sizes.get("experts", 0))


def _feed_forward(hidden: int, wide: int, experts: int) -> Iterator[Shape]:
    """Three matrices; or so many for each expert, and one that chooses between experts."""
    if experts:
        yield Shape("ffn_gate_inp.weight", (experts, hidden), True)
    many, suffix = ((experts,), "_exps") if experts else ((), "")
    yield Shape(f"ffn_gate{suffix}.weight", (*many, wide, hidden))
    yield Shape(f"ffn_up{suffix}.weight", (*many, wide, hidden))
    yield Shape(f"ffn_down{suffix}.weight", (*many, hidden, wide))


def _output(sizes: Sizes) -> Iterator[Shape]:
    yield _norm("output_norm", sizes["hidden"])
    if not sizes.get("tied"):
        yield Shape("output.weight", (sizes["vocabulary"], sizes["hidden"]))


def _gpt2(sizes: Sizes) -> Iterator[Shape]:
    hidden = sizes["hidden"]
    yield Shape("token_embd.weight", (sizes["vocabulary"], hidden))
    yield Shape("position_embd.weight", (sizes.get("context", GPT2_CONTEXT), hidden), True)
    for layer in range(sizes["layers"]):
        yield from _named(layer, _gpt2_layer(hidden, sizes["feed_forward"]))
    yield _norm("output_norm", hidden)
    yield Shape("output_norm.bias", (hidden,), True)


def _gpt2_layer(hidden: int, wide: int) -> Iterator[Shape]:
    outputs = {
        "attn_norm": (hidden,),
        "attn_qkv": (3 * hidden, hidden),
        "attn_output": (hidden, hidden),
        "ffn_norm": (hidden,),
        "ffn_up": (wide, hidden),
        "ffn_down": (hidden, wide),
    }
    for name, sizes in outputs.items():
        yield Shape(f"{name}.weight", sizes, len(sizes) == 1)
        yield Shape(f"{name}.bias", sizes[:1], True)


def _norm(name: str, size: int) -> Shape:
    return Shape(f"{name}.weight", (size,), True)


def _named(layer: int, found: Iterator[Shape]) -> Iterator[Shape]:
    for shape in found:
        yield shape._replace(name=f"blk.{layer}.{shape.name}")


LAYOUTS: Mapping[str, Callable[[Sizes], Iterator[Shape]]] = {
    "llama": _llama,
    "qwen2": _qwen2,
    "gemma3": _gemma3,
    "gpt2": _gpt2,
}
WRITTEN = ("llama", "qwen2", "gpt2")
"""The architectures that random weights are made of."""
