"""What a user asks of a tuning."""

from typing import NamedTuple

from haqa_bench.errors import HaqaError
from haqa_bench.tune.kept import Limit

AGENT = "haqa"
"""The method that needs an LLM."""

GOALS = {
    "total": ("end_to_end_tokens_per_s", "tokens/s", "maximize"),
    "generation": ("generation_tokens_per_s", "tokens/s", "maximize"),
    "prompt": ("prompt_tokens_per_s", "tokens/s", "maximize"),
    "latency": ("first_token_ms", "ms", "minimize"),
    "serving": ("goodput_per_s", "1/s", "maximize"),
}
"""What a user may want: the metric, its unit, and its direction."""
SPECULATION = ("answer_tokens_per_s", "tokens/s", "maximize")
"""Of one user, where tokens are guessed: by a draft model, or from the text so far."""


class Serving(NamedTuple):
    """What is asked of llama.cpp's own server: by how many users at once, of what lengths in tokens
    their prompts and answers are, how many requests each sends, and the most that a first token,
    and on the average each further one, may take, in ms.
    """

    users: int
    prompts: tuple[int, ...]
    answers: tuple[int, ...]
    requests: int
    first_token_ms: float
    between_tokens_ms: float


class Wish(NamedTuple):
    """What a user asks for: a GGUF model, what it may take (bytes), what of its quality must be
    kept, and for what use.
    """

    model: str
    limit: int
    limits: tuple[Limit, ...]
    objective: str
    budget: int | None
    """Configurations that may be tried, the default included, where that is said."""
    method: str
    n_ctx: int
    n_prompt: int
    n_generate: int
    llm: str = ""
    """What an agent's LLM is called, where one is the method."""
    depth: int = 0
    """Tokens in the cache before what is timed begins."""
    reference: str = ""
    """The GGUF file of a more precise form of the model; empty for the model's own file."""
    minutes: float | None = None
    """What all may take, where that is bounded."""
    serving: Serving | None = None
    """Where llama.cpp's own server is asked: of several users, or where tokens are guessed."""
    draft: str = ""
    """The GGUF file of a smaller model that drafts for it."""
    speculate: bool = False
    """Whether tokens are guessed from the text so far, or by the draft."""
    size: int | None = None
    """Bytes that the file of the weights may take at most; None for any."""

    imatrix: str = ""
    """The file of the importance matrix that formats are made with; empty for none."""
    chunks: int = 0
    """Of 512 tokens of the text, of which that matrix is made within the minutes."""
    windows: int | None = None
    """Of the text, that quality can be measured in; None where they were not counted."""

    @property
    def goal(self) -> tuple[str, str, str]:
        """The metric, its unit, and its direction."""
        alone = self.speculate and self.objective != "serving"
        return SPECULATION if alone else GOALS[self.objective]


def check(wish: Wish) -> None:
    """Raises HaqaError for wishes that contradict each other; of what is asked of a server, see
    served.asking.
    """
    if not wish.serving and wish.depth + wish.n_prompt + wish.n_generate > wish.n_ctx:
        deep = f"{wish.depth}, " if wish.depth else ""
        raise HaqaError(
            "--n-ctx",
            f"{wish.n_ctx} tokens hold no {deep}{wish.n_prompt} and {wish.n_generate}",
            "Raise it, or lower the others",
        )
    if (wish.method == AGENT) != bool(wish.llm):
        raise HaqaError(
            "--llm",
            f"the method {wish.method} {'needs an' if wish.method == AGENT else 'asks no'} LLM",
            "It goes with --method haqa",
        )
