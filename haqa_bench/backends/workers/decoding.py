"""What is timed of llama.cpp, and what is scored: tokens decoded on one context.

The C interface is called directly, so that what is timed is `llama_decode` and nothing of a
wrapper. Times:

    time to first token   prompt decoded, first token chosen
    prompt tokens/s       n_prompt over the time its decoding took
    generation tokens/s   tokens after the first, over the time their decoding took
    end-to-end tokens/s   all generated tokens over the whole time, prompt and choice of tokens
    included

Greedy choice, fixed prompt tokens: every configuration does the same work. `llama_perf_context` is
read beside each sample.
"""

import ctypes
import math
import os
import time
from collections.abc import Sequence

import llama_cpp as llama
import numpy as np

from haqa_bench.backends.jobs import Example
from haqa_bench.backends.llama_jobs import Sample
from haqa_bench.backends.llama_log import cause_of
from haqa_bench.backends.workers.llama_logged import ERRORS, refused
from haqa_bench.backends.workers.load import cpu_times, involuntary_switches, others_share

IGNORED = -100
"""The label of a token that is not scored."""


def made_up_prompt(vocabulary: int, n_prompt: int) -> list[int]:
    """The same `n_prompt` tokens each time, spread over the vocabulary."""
    return [(7919 * i + 13) % vocabulary for i in range(1, n_prompt + 1)]


class Run:
    """Decodes on one context, after the `depth` tokens that the file `filled` holds."""

    def __init__(
        self,
        context: "llama.llama_context_p",
        vocabulary: int,
        n_batch: int,
        depth: int = 0,
        filled: str = "",
    ) -> None:
        self.context, self.vocabulary, self.n_batch = context, vocabulary, n_batch
        self.depth, self.filled = depth, filled
        if depth:
            self.restore()

    def rewind(self) -> None:
        """Leaves what lies in the cache before each sample, and nothing else."""
        memory = llama.llama_get_memory(self.context)
        if not self.depth:
            llama.llama_memory_clear(memory, True)
        elif not llama.llama_memory_seq_rm(memory, 0, self.depth, -1):  # a sliding window's
            self.restore()

    def restore(self) -> None:
        """Reads the cache's contents from their file."""
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        none, count = (llama.llama_token * 1)(), ctypes.c_size_t(0)
        ERRORS.clear()
        if not llama.llama_state_seq_load_file(
            self.context, os.fsencode(self.filled), 0, none, 1, ctypes.byref(count)
        ):
            raise refused(f"the cache's contents cannot be read: {cause_of(ERRORS)}")

    def generate(self, prompt: Sequence[int], n_generate: int) -> Sample:
        """One sample, in seconds; beside it llama.cpp's own timing and what others took of the
        machine.
        """
        self.rewind()
        llama.llama_perf_context_reset(self.context)
        before, switches = cpu_times(), involuntary_switches()
        start = time.perf_counter()
        self.decode(prompt)
        prompt_end = time.perf_counter()
        token = self.greedy()
        first = time.perf_counter()
        decoding = 0.0
        for _ in range(n_generate - 1):
            begin = time.perf_counter()
            self.decode([token])
            decoding += time.perf_counter() - begin
            token = self.greedy()
        end = time.perf_counter()
        perf = llama.llama_perf_context(self.context)
        return Sample(
            prompt_s=prompt_end - start,
            first_token_s=first - start,
            generate_s=decoding,
            total_s=end - start,
            llama_prompt_s=perf.t_p_eval_ms / 1000,
            llama_generate_s=perf.t_eval_ms / 1000,
            others_share=others_share(before, cpu_times(), end - start),
            involuntary_switches=involuntary_switches() - switches,
        )

    def answer(
        self, prompt: Sequence[int], n_generate: int, vocabulary: "llama.llama_vocab_p"
    ) -> list[int]:
        """The tokens that follow `prompt` greedily, an end included."""
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        found: list[int] = []
        while len(found) < n_generate and not (
            found and llama.llama_vocab_is_eog(vocabulary, found[-1])
        ):
            self.decode(found[-1:] or prompt)
            found.append(self.greedy())
        return found

    def decode(self, tokens: Sequence[int]) -> None:
        """Decodes `tokens`, at most n_batch at a time: a longer llama_decode aborts the process."""
        for begin in range(0, len(tokens), self.n_batch):
            part = tokens[begin : begin + self.n_batch]
            array = (llama.llama_token * len(part))(
                *part
            )  # named, since the batch only points at it
            code = llama.llama_decode(self.context, llama.llama_batch_get_one(array, len(part)))
            if code != 0:
                raise refused(f"llama_decode returned {code}: {cause_of(ERRORS)}")
        llama.llama_synchronize(self.context)

    def greedy(self) -> int:
        """The likeliest next token."""
        logits = llama.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(self.vocabulary,)).argmax())

    def perplexity(self, model: "llama.llama_model_p", text: str, n_tokens: int) -> float:
        """exp of the mean negative log likelihood of the second half of the first `n_tokens` of
        `text`, one window.
        """
        tokens = tokenize(model, text)[:n_tokens]
        if len(tokens) < n_tokens:
            raise refused(
                f"the quality text has {len(tokens)} tokens, quality_tokens asks for {n_tokens}"
            )
        losses = self._losses(tokens, n_tokens // 2)
        return math.exp(sum(losses) / len(losses))

    def held_out_loss(self, examples: Sequence[Example]) -> float:
        """The mean negative log likelihood, in nats, of the tokens of all `examples` that have a
        label; an example's follow each other.
        """
        losses = [
            loss
            for e in examples
            for loss in self._losses(
                e.input_ids, next(i for i, x in enumerate(e.labels) if x != IGNORED) - 1
            )
        ]
        return sum(losses) / len(losses)

    def _losses(self, tokens: Sequence[int], first: int) -> list[float]:
        """The negative log likelihoods of the tokens that follow those from the `first` on, in a
        fresh context.
        """
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        return [
            loss
            for begin in range(0, len(tokens), self.n_batch)
            for loss in self._of_batch(tokens, begin, min(begin + self.n_batch, len(tokens)), first)
        ]

    def _of_batch(self, tokens: Sequence[int], begin: int, end: int, first: int) -> list[float]:
        """Decodes one batch; the negative log likelihoods of the next tokens of those of its
        positions that are scored.
        """
        scored = [p for p in range(begin, end) if first <= p < len(tokens) - 1]
        batch = llama.llama_batch_init(end - begin, 0, 1)
        batch.n_tokens = end - begin
        for i, position in enumerate(range(begin, end)):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = (
                tokens[position],
                position,
                1,
                position in scored,
            )
            batch.seq_id[i][0] = 0
        code = llama.llama_decode(self.context, batch)
        llama.llama_batch_free(batch)
        if code != 0:
            raise refused(f"llama_decode returned {code}: {cause_of(ERRORS)}")
        return [self._loss(position - begin, tokens[position + 1]) for position in scored]

    def _loss(self, row: int, token: int) -> float:
        """-log p(token) after the `row`-th token of the last batch."""
        logits = np.ctypeslib.as_array(
            llama.llama_get_logits_ith(self.context, row), shape=(self.vocabulary,)
        )
        top = float(logits.max())
        return top + math.log(np.exp(logits - top).sum(dtype=np.float64)) - float(logits[token])


def tokenize(model: "llama.llama_model_p", text: str) -> list[int]:
    """The tokens of `text`, with the model's beginning-of-text token where it has one."""
    data, vocabulary = text.encode(), llama.llama_model_get_vocab(model)

    def into(size: int) -> list[int]:
        room = (llama.llama_token * size)()
        count = llama.llama_tokenize(vocabulary, data, len(data), room, size, True, False)
        return list(room[:count]) if count >= 0 else into(-count)  # as many are needed

    return into(len(data) + 8)
