"""Holds a model's predictions against a reference's, in a process of its own: `python -m
haqa_bench.backends.workers.quality < job.json > result.json`.

The divergence of a prediction q from the reference's p is the sum of p (log p - log q) over the
vocabulary. A reference is kept in float16: what that rounds is far below what a format of 8 bits
loses.
"""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.backends.llama_log import cause_of
from haqa_bench.backends.quality_jobs import (
    SCORED,
    WINDOW,
    Compare,
    Compared,
    Count,
    Counted,
    Refer,
    Referred,
)
from haqa_bench.backends.workers.decoding import tokenize
from haqa_bench.backends.workers.frame import Refused
from haqa_bench.backends.workers.llama_cpp import load, open_context
from haqa_bench.backends.workers.llama_logged import ERRORS, refused, work_logged

Logs = NDArray[np.float32]
LEAST = float(np.finfo(np.float16).min)
"""What a logarithm is kept as where it is smaller: of a token that a model forbids."""
MOST = 700.0
"""Nats, beyond which a perplexity is no number."""
FIRST = WINDOW // 2
"""The first position whose next token is scored."""


def count(job: Count) -> Counted:
    """How many tokens a text has."""
    params = llama.llama_model_default_params()
    params.vocab_only = True
    ERRORS.clear()
    model = llama.llama_model_load_from_file(os.fsencode(job.model), params)
    if not model:
        raise refused(cause_of(ERRORS))
    return Counted(len(tokenize(model, job.text)))


def refer(job: Refer) -> Referred:
    """Writes what the reference expects."""
    model = Model(job.model, job.settings)
    windows = model.windows(job.text)[: job.windows]
    if len(windows) < job.windows:
        raise Refused(
            f"the text has {len(windows)} windows of {WINDOW} tokens, {job.windows} are asked for"
        )
    shape = (job.windows, SCORED, model.vocabulary)
    kept = np.lib.format.open_memmap(Path(job.target), "w+", np.float16, shape)
    losses = []
    for number, tokens in enumerate(windows):
        expected = model.expects(tokens)
        losses.append(loss(expected, tokens))
        kept[number] = np.maximum(expected, LEAST)
    kept.flush()
    return Referred(perplexity(losses))


def loss(expected: Logs, tokens: Sequence[int]) -> float:
    """The mean negative log likelihood of the scored tokens of a window, in nats."""
    following = np.array(tokens[FIRST + 1 :])
    return -float(expected[np.arange(SCORED), following].mean(dtype=np.float64))


def perplexity(losses: Sequence[float]) -> float:
    """Of mean losses in nats. Raises Refused where it is no number: NaN, or too large for one."""
    mean = fmean(losses)
    if math.isnan(mean) or mean > MOST:
        raise Refused("the model gives the text no probability: its weights may be damaged")
    return math.exp(mean)


def compare(job: Compare) -> Compared:
    """Holds a model against it, window by window."""
    model = Model(job.model, job.settings)
    kept = np.load(job.reference, mmap_mode="r")
    windows = model.windows(job.text)[: len(kept)]
    if kept.shape[1:] != (SCORED, model.vocabulary) or len(windows) < len(kept):
        raise Refused("the reference is of another text or vocabulary: is it the same model?")
    found = [Window(kept[i].astype(np.float32), model.expects(t), t) for i, t in enumerate(windows)]
    ours = perplexity([one.loss for one in found])
    divergences = tuple(one.divergence for one in found)
    if not all(map(math.isfinite, divergences)):
        raise Refused("some token that the reference expects has no probability at all")
    return Compared(
        divergences=divergences,
        same=tuple(one.same for one in found),
        perplexity=ours,
        reference_perplexity=perplexity([one.reference_loss for one in found]),
    )


class Window:
    """What two models expect in one window."""

    def __init__(self, reference: Logs, ours: Logs, tokens: Sequence[int]) -> None:
        expected = np.exp(reference)
        with np.errstate(invalid="ignore"):  # 0 x infinity, of what neither expects
            terms = np.where(expected > 0, expected * (reference - ours), 0)
        self.divergence = float(terms.sum(axis=1, dtype=np.float64).mean())
        self.same = float((reference.argmax(axis=1) == ours.argmax(axis=1)).mean())
        self.loss, self.reference_loss = loss(ours, tokens), loss(reference, tokens)


class Model:
    """A model with a context of one window."""

    def __init__(self, path: str, settings: Settings) -> None:
        settings = replace(settings, n_batch=WINDOW, n_ubatch=WINDOW)
        self.model = load(path, settings)
        self.context = open_context(self.model, settings, WINDOW, n_outputs=0)
        vocabulary = llama.llama_model_get_vocab(self.model)
        self.vocabulary: int = llama.llama_vocab_n_tokens(vocabulary)
        self.begins = (
            llama.llama_vocab_bos(vocabulary) if llama.llama_vocab_get_add_bos(vocabulary) else None
        )

    def windows(self, text: str) -> list[list[int]]:
        """The whole windows of a text, each with its beginning."""
        return [list(one) for one in self._windows(tokenize(self.model, text))]

    def _windows(self, tokens: Sequence[int]) -> Iterator[Sequence[int]]:
        for start in range(0, len(tokens) - WINDOW + 1, WINDOW):
            part = tokens[start : start + WINDOW]
            yield part if self.begins is None else [self.begins, *part[1:]]

    def expects(self, tokens: Sequence[int]) -> Logs:
        """Natural logarithms of what it expects after each scored token: (SCORED, vocabulary)."""
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        self._decode(tokens)
        rows = [
            np.ctypeslib.as_array(
                llama.llama_get_logits_ith(self.context, position), shape=(self.vocabulary,)
            )
            for position in range(FIRST, WINDOW - 1)
        ]
        logits = np.stack(rows)
        logits -= logits.max(axis=1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True, dtype=np.float32))

    def _decode(self, tokens: Sequence[int]) -> None:
        batch = llama.llama_batch_init(WINDOW, 0, 1)
        batch.n_tokens = WINDOW
        for position, token in enumerate(tokens):
            batch.token[position], batch.pos[position] = token, position
            batch.n_seq_id[position], batch.seq_id[position][0] = 1, 0
            batch.logits[position] = FIRST <= position < WINDOW - 1
        ERRORS.clear()
        code = llama.llama_decode(self.context, batch)
        llama.llama_batch_free(batch)
        if code != 0:
            raise refused(f"llama_decode returned {code}: {cause_of(ERRORS)}")


if __name__ == "__main__":
    work_logged(count, refer, compare)
