"""A tokenizer of made-up words, so that every program of llama.cpp's loads a model that has none.

It is of the kind and size of the model's own, since a tokenizer takes memory too: SentencePiece's
(LLaMA 2), or byte pairs with so many merges (GPT-2, LLaMA 3, Qwen).
"""

import itertools
import string
from collections.abc import Iterator

import gguf
from gguf import TokenType

from haqa_bench.arithmetic.architectures import BYTES, Sizes, whole


def add(made: gguf.GGUFWriter, architecture: str, sizes: Sizes) -> None:
    """Adds the tokenizer: of byte pairs where the sizes state `merges`, or where the architecture
    knows no other.
    """
    if merges := whole(architecture, sizes)["merges"]:
        _add_byte_pairs(made, sizes["vocabulary"], merges)
    else:
        _add_sentence_pieces(made, sizes["vocabulary"])


def _add_sentence_pieces(made: gguf.GGUFWriter, count: int) -> None:
    special = ["<unk>", "<s>", "</s>"]
    in_bytes = [f"<0x{byte:02X}>" for byte in range(BYTES)]
    others = count - len(special) - BYTES
    made.add_tokenizer_model("llama")
    made.add_token_list([*special, *in_bytes, *(f"▁{w}" for w in _first(words(), others))])
    made.add_token_scores([0.0] * len(special) + [-float(i) for i in range(count - len(special))])
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
    made.add_token_types([*kinds, *[TokenType.BYTE] * BYTES, *[TokenType.NORMAL] * others])


def _add_byte_pairs(made: gguf.GGUFWriter, count: int, merges: int) -> None:
    """Words of several letters, each the merge of shorter ones; the last token ends a text."""
    letters = set(string.ascii_lowercase)
    longer = (word for word in words() if word not in letters)
    found = [*_byte_letters(), *_first(longer, count - BYTES - 1), "<|endoftext|>"]
    made.add_tokenizer_model("gpt2")
    made.add_tokenizer_pre("gpt-2")
    made.add_token_list(found)
    made.add_token_types([*[TokenType.NORMAL] * (count - 1), TokenType.CONTROL])
    made.add_token_merges(_first(pairs(), merges))
    made.add_bos_token_id(count - 1)
    made.add_eos_token_id(count - 1)
    made.add_add_bos_token(False)


def words() -> Iterator[str]:
    """a, b, ..., z, aa, ab, ...: every string of letters, the short ones first."""
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            yield "".join(letters)


def pairs() -> Iterator[str]:
    """The ways in which each word is two shorter ones: 'a a', 'a b', ..., 'a aa', 'aa a', ..."""
    for word in words():
        for cut in range(1, len(word)):
            yield f"{word[:cut]} {word[cut:]}"


def _first(found: Iterator[str], count: int) -> list[str]:
    return list(itertools.islice(found, count))


def _byte_letters() -> list[str]:
    """A printable letter for each byte, as GPT-2's tokenizer has them: itself where it is one, and
    the letters from U+0100 on for the others.
    """
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = itertools.count(BYTES)
    return [chr(byte if byte in own else next(spare)) for byte in range(BYTES)]
