"""Turns models and examples into other files, in a process of its own: `python -m
haqa_bench.tracks.qlora.worker.files < job.json > result.json`.
"""

from pathlib import Path

import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from haqa_bench.backends.jobs import Done, Example
from haqa_bench.backends.workers.frame import Unusable, work
from haqa_bench.tracks.qlora.jobs import Convert, Exchange, Merge, Said, Tokenize, Tokens
from haqa_bench.tracks.qlora.worker.models import be_quiet, load_model, tokenizer_of

IGNORED = -100
"""The label of a token that nothing is learnt from."""


def convert(job: Convert) -> Done:
    """Writes a GGUF file as a folder of transformers'."""
    be_quiet()
    source = Path(job.source)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unusable(
            job.source, f"transformers cannot read it: {str(error).splitlines()[0]}"
        ) from None
    model.hf_quantizer = None  # else the unpacked model is taken for a quantized one
    del model.config.quantization_config
    model.save_pretrained(job.target)
    tokenizer.save_pretrained(job.target)
    return Done()


def tokenize(job: Tokenize) -> Tokens:
    """Turns pairs of prompt and answer into tokens; leaves out those whose prompt alone is too
    long.
    """
    be_quiet()
    tokenizer = tokenizer_of(job.model)
    examples = (tokenized(tokenizer, *item, job.max_length) for item in job.items)
    return Tokens(tuple(example for example in examples if example))


def tokenized(
    tokenizer: PreTrainedTokenizerBase, prompt: str, answer: str, max_length: int
) -> Example | None:
    """An example in at most `max_length` tokens, its prompt's without labels; None where nothing is
    left of its answer.
    """
    asked = tokenizer(prompt, add_special_tokens=True)["input_ids"]
    said = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    if len(asked) >= max_length:
        return None
    tokens, labels = [*asked, *said], [*[IGNORED] * len(asked), *said]
    return Example(tuple(tokens[:max_length]), tuple(labels[:max_length]))


def merge(job: Merge) -> Said:
    """Writes a model with its adapter merged as a GGUF file, and answers prompts with it."""
    from haqa_bench.tracks.qlora.worker.gguf_export import export

    be_quiet(job.threads)
    tokenizer = tokenizer_of(job.model)
    model = PeftModel.from_pretrained(
        load_model(job.model, None, torch.float32), job.adapter
    ).merge_and_unload()
    tensors = {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}
    try:
        export(tensors, Path(job.donor), Path(job.target))
    except ValueError as error:
        raise Unusable(job.donor, str(error)) from None
    return Said(tuple(exchange(model, tokenizer, p, job.n_generate) for p in job.prompts))


def exchange(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: str, n_generate: int
) -> Exchange:
    """A prompt and the model's greedy answer, in tokens."""
    tokens = tokenizer(prompt, return_tensors="pt")["input_ids"].to(model.device)
    found = model.generate(tokens, max_new_tokens=n_generate, do_sample=False)
    return Exchange(tuple(tokens[0].tolist()), tuple(found[0, tokens.shape[1] :].tolist()))


if __name__ == "__main__":
    work(convert, tokenize, merge)
