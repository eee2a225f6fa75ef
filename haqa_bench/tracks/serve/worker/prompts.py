"""Prompts of a load, as tokens: each is another, whichever repeat it is of, so that nothing that a
server keeps of one, such as what came after which words, helps it with the same again.
"""

from collections.abc import Iterator, Sequence

from haqa_bench.backends.workers.frame import Unusable
from haqa_bench.tracks.serve.worker.server import Server


class Prompts:
    """Hands out tokens, from the beginning of a sequence on, and again where it ends; each prompt
    begins as the model's texts do.
    """

    def __init__(self, tokens: Sequence[int], begins: Sequence[int] = ()) -> None:
        self.tokens, self.begins, self.taken = tokens, begins, 0

    def take(self, length: int) -> list[int]:
        """The next prompt of so many tokens."""
        begins = list(self.begins[:length])
        return begins + list(self._next(length - len(begins)))

    def _next(self, count: int) -> Iterator[int]:
        for place in range(self.taken, self.taken + count):
            yield self.tokens[place % len(self.tokens)]
        self.taken += count

    @property
    def rounds(self) -> float:
        """How often the sequence was gone through."""
        return self.taken / len(self.tokens)


def cut(server: Server, text: str, longest: int) -> Prompts:
    """Prompts cut from `text` as the server's model reads it, a beginning before each where it has
    one.

    Raises:
        Unusable: the text is shorter than the longest prompt.
    """
    asked = {"content": text, "add_special": False, "parse_special": False}
    tokens = server.ask("POST", "/tokenize", asked)["tokens"]
    begins = server.ask("POST", "/tokenize", {"content": "", "add_special": True})["tokens"][:1]
    if len(tokens) < longest:
        what = f"has {len(tokens)} tokens, and the longest prompt {longest}"
        raise Unusable("the text that prompts are cut from", what, "Give a longer one")
    return Prompts(tokens, begins)


def made_up(server: Server) -> Prompts:
    """Prompts of tokens that are spread over the vocabulary."""
    count = int(server.ask("GET", "/v1/models")["data"][0]["meta"]["n_vocab"])
    return Prompts([(7919 * place + 13) % count for place in range(1, count + 1)])
