"""What a training step would hold, in a process of its own: `python -m
haqa_bench.tracks.qlora.worker.plan < job.json > result.json`.

Its forward pass is run without any memory (torch's meta device), and what autograd keeps for the
backward pass is counted.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM

from haqa_bench.arithmetic.memory import Step
from haqa_bench.backends.workers.frame import Unusable, work
from haqa_bench.backends.workers.load import peak_bytes
from haqa_bench.tracks.qlora.jobs import Plan
from haqa_bench.tracks.qlora.worker.models import adapted, be_quiet

FLOAT32 = 4


class Kept(NamedTuple):
    """Bytes that autograd keeps for the backward pass, parameters apart; and those of the inputs of
    linear layers that are not among them.
    """

    activations: int
    inputs: int


def plan(job: Plan) -> Step:
    """Counts of weights, and bytes."""
    be_quiet()
    runtime = peak_bytes()
    compute, batch = getattr(torch, job.compute), job.settings.per_device_train_batch_size
    try:
        config = AutoConfig.from_pretrained(job.model)
    except (OSError, ValueError, KeyError) as error:
        raise Unusable(job.model, str(error).splitlines()[0]) from None
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=compute)
    head = model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    quantized, rows = sum(m.weight.numel() for m in linear), sum(m.out_features for m in linear)
    others = sum(p.numel() for p in model.parameters()) - quantized
    model = adapted(model, job.settings)
    logits = batch * job.length * config.vocab_size * FLOAT32
    kept = kept_by_autograd(model, linear, (batch, job.length), compute)
    return Step(
        quantized=quantized,
        rows=rows,
        kept=others,
        trained=sum(p.numel() for p in model.parameters() if p.requires_grad),
        activations=kept.activations - logits,
        inputs=kept.inputs,
        logits=logits,
        runtime=runtime,
    )


def kept_by_autograd(
    model: PeftModel,
    linear: Sequence[torch.nn.Linear],
    shape: tuple[int, int],
    compute: torch.dtype,
) -> Kept:
    """What a forward pass of tokens (examples x length) leaves for the backward pass."""
    owned = {p.untyped_storage()._cdata for p in model.parameters()}
    saved: dict[int, torch.UntypedStorage] = {}
    inputs: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if (storage := tensor.untyped_storage())._cdata not in owned:
            saved[storage._cdata] = storage  # held, so that no other takes its place
        return tensor

    for layer in linear:
        layer.register_forward_pre_hook(
            lambda _, given: inputs.update({(s := given[0].untyped_storage())._cdata: s})
        )
    tokens = torch.zeros(*shape, dtype=torch.long, device="meta")
    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", compute):
        model(input_ids=tokens, labels=tokens)
    return Kept(
        sum(storage.nbytes() for storage in saved.values()),
        sum(storage.nbytes() for key, storage in inputs.items() if key not in saved),
    )


if __name__ == "__main__":
    work(plan)
