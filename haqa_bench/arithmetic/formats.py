"""llama.cpp's quantization formats: their names in papers, and how the file of each is made.

A format gives every tensor a type of its own choice. A recipe is a format some of whose tensors
have a more precise type: Q4_K_M+embd-Q8_0 is Q4_K_M, but its embedding and output layer are Q8_0,
and Q6_K+v-down-Q8_0 has attention's values and the second matrix of each layer's feed-forward net
in Q8_0. A file whose rounding was weighed with an importance matrix says so: Q4_0+imatrix.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

IMATRIX = "+imatrix"
"""How the name ends of what is made with an importance matrix."""
EMBEDDING = r"^(token_embd|output)\.weight$"
VALUES, DOWN = r"attn_v\.weight", r"ffn_down"


class Form(NamedTuple):
    """How a file is made: llama.cpp's format, ggml's types of tensors that have another than it
    would give them, by pattern of their names, and whether an importance matrix weighs what is
    rounded.
    """

    format: str
    tensors: Mapping[str, str] = {}
    imatrix: bool = False


RECIPES: Mapping[str, Form] = {
    "Q6_K+v-down-Q8_0": Form("Q6_K", {VALUES: "Q8_0", DOWN: "Q8_0"}),
    "Q5_K_M+embd-Q8_0": Form("Q5_K_M", {EMBEDDING: "Q8_0"}),
    "Q4_K_M+embd-Q8_0": Form("Q4_K_M", {EMBEDDING: "Q8_0"}),
    "Q4_K_M+v-down-Q6_K": Form("Q4_K_M", {VALUES: "Q6_K", DOWN: "Q6_K"}),
    "Q4_0+embd-Q8_0": Form("Q4_0", {EMBEDDING: "Q8_0"}),
}
"""Between llama.cpp's own formats in size, the larger ones first."""


def form_of(name: str) -> Form:
    """How the file of a format or a recipe is made."""
    plain = name.removesuffix(IMATRIX)
    return RECIPES.get(plain, Form(plain))._replace(imatrix=plain != name)


def bit_width_of(name: str) -> str:
    """The bit-width that a format is one of: FP16 for F16 and BF16, INT8 for Q8_0, INT4 for Q4_K_M
    and IQ4_NL; else the name as it is.
    """
    found = re.match(r"(B?F|I?Q)(\d+)", name)
    return ("FP" if found[1].endswith("F") else "INT") + found[2] if found else name
