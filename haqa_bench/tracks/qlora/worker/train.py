"""Trains an adapter on a quantized model, in a process of its own: `python -m
haqa_bench.tracks.qlora.worker.train < job.json > result.json`, or, with `serve`, many on one model.

QLoRA (arXiv 2305.14314): the model's weights are frozen at NF4 with double quantization (INT4), or
at LLM.int8 (INT8, threshold 6.0), by bitsandbytes; low-rank adapters beside them are trained, by
transformers' Trainer, on the answers alone. The loss is in nats a token.
"""

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import transformers
from peft import PeftModel
from torch.nn import functional
from transformers import (
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from haqa_bench.backends.jobs import Example
from haqa_bench.backends.workers.frame import serve, work
from haqa_bench.backends.workers.load import peak_bytes
from haqa_bench.backends.workers.training import Curve, curve_as_text, facts_of, gpu_facts
from haqa_bench.tracks.qlora.jobs import (
    Loss,
    Quantized,
    Scores,
    Settings,
    TaskItems,
    Train,
    Trained,
    read_split,
)
from haqa_bench.tracks.qlora.worker.files import IGNORED
from haqa_bench.tracks.qlora.worker.models import Loaded, adapted, be_quiet, load

TOKENS_AT_ONCE = 2048


class Tuned(NamedTuple):
    """A model with an adapter that was trained, the curve of its loss, and the settings that took
    effect.
    """

    model: PeftModel
    curve: Curve
    facts: Mapping[str, str]


def run_alone(job: Train) -> Trained:
    """Loads the model too."""
    be_quiet(job.threads)
    return run(load(job.quantized), job)


def share(shared: Quantized) -> Loaded:
    """The quantized model and its tokenizer, which no trial changes. With one thread, since a pool
    of them would not survive a fork.
    """
    be_quiet(threads=1)
    return load(shared)


def run(loaded: Loaded, job: Train) -> Trained:
    """Trains where there are settings, and finds the loss on examples held out, or the scores on
    the tasks asked for.
    """
    torch.set_num_threads(job.threads)
    started = time.perf_counter()
    model, tokenizer = loaded
    set_seed(job.seed)
    examples = read_split(Path(job.examples))
    tuned = None
    if job.settings is not None:
        tuned = train(model, tokenizer.pad_token_id, examples.train, job, job.settings)
        model = tuned.model
        if job.adapter:
            model.save_pretrained(job.adapter)
    finished = time.perf_counter()
    model.eval()
    scores: Mapping[str, Scores] = {}
    losses: Sequence[Loss] = ()
    if job.tasks:
        scores = scores_of(loaded._replace(model=model), job.tasks)
    else:
        compute = getattr(torch, job.quantized.compute)
        losses = losses_of(model, tokenizer.pad_token_id, examples.held_out, compute)
    facts = facts_of(
        seed=job.seed,
        threads=job.threads,
        weights_mb=round(model.get_memory_footprint() / 1e6, 1),
        versions=f"torch {torch.__version__}, transformers {transformers.__version__}",
        train_s=round(finished - started, 2),
        evaluate_s=round(time.perf_counter() - finished, 2),
        **gpu_facts(),
    )
    return Trained(
        losses=tuple(losses),
        tasks=scores,
        train_loss=tuned.curve.points[-1][1] if tuned else None,
        peak_bytes=peak_bytes(),
        facts={**(tuned.facts if tuned else {}), **facts},
    )


class Watch(TrainerCallback):
    """Notes each step's loss, and ends a training that diverges."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: object,
    ) -> None:
        """See TrainerCallback."""
        if logs and "loss" in logs:
            self.curve.add(float(logs["loss"]))


def train(
    model: PreTrainedModel, pad: int, examples: Sequence[Example], job: Train, settings: Settings
) -> Tuned:
    """Trains an adapter on `examples`.

    Raises:
        Diverged: the loss is no number, or twice as large as at first.
    """
    # before the adapter is built: its random half is part of what the seed decides
    set_seed(job.seed)
    model = adapted(model, settings)
    curve = Curve(job.steps)
    with tempfile.TemporaryDirectory() as folder:
        arguments = arguments_of(job, settings, folder)
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=[vars(example) for example in examples],
            data_collator=lambda batch: padded([Example(**one) for one in batch], pad),
            callbacks=[Watch(curve)],
        )
        trainer.train()
    curve.end()
    facts = facts_of(
        steps=job.steps,
        warmup_steps=arguments.warmup_steps,
        effective_batch=settings.effective_batch,
        examples=len(examples),
        epochs=round(trainer.state.epoch or 0.0, 4),
        optimizer=str(arguments.optim).rpartition(".")[2].lower(),
        trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        adapted_layers=sum("lora_A" in name for name, _ in model.named_parameters()),
        learning_curve=curve_as_text(curve.points),
    )
    return Tuned(model, curve, facts)


def arguments_of(job: Train, settings: Settings, folder: str) -> TrainingArguments:
    """The settings as transformers' Trainer takes them."""
    gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=settings.per_device_train_batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        max_steps=job.steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_steps=int(settings.warmup_ratio * job.steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        optim="paged_adamw_32bit" if gpu else "adamw_torch",
        bf16=job.quantized.compute == "bfloat16",
        fp16=job.quantized.compute == "float16",
        use_cpu=not gpu,
        seed=job.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=gpu,
    )


def padded(examples: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """Examples as tensors, n x the longest; what is filled up is not attended to and not learnt
    from.
    """
    longest = max(len(e.input_ids) for e in examples)

    def filled(rows: Sequence[Sequence[int]], with_what: int) -> torch.Tensor:
        return torch.tensor([[*row, *[with_what] * (longest - len(row))] for row in rows])

    return {
        "input_ids": filled([e.input_ids for e in examples], pad),
        "labels": filled([e.labels for e in examples], IGNORED),
        "attention_mask": filled([[1] * len(e.input_ids) for e in examples], 0),
    }


@torch.no_grad()
def losses_of(
    model: PreTrainedModel, pad: int, examples: Sequence[Example], compute: torch.dtype
) -> list[Loss]:
    """The loss of each example in its order.

    Batches are of examples of like length, so that little is filled up.
    """
    found: dict[int, Loss] = {}
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].input_ids))
    while order:
        size = max(1, TOKENS_AT_ONCE // len(examples[order[-1]].input_ids))
        chosen, order = order[-size:], order[:-size]
        batch = {
            name: t.to(model.device)
            for name, t in padded([examples[i] for i in chosen], pad).items()
        }
        labels = batch.pop("labels")[:, 1:]
        with torch.autocast(model.device.type, compute, enabled=compute != torch.float32):
            logits = model(**batch).logits[:, :-1]
        each = functional.cross_entropy(
            logits.float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
        ).sum(1)
        counts = (labels != IGNORED).sum(1)
        found |= dict(zip(chosen, map(Loss, each.tolist(), counts.tolist()), strict=True))
    return [found[i] for i in range(len(examples))]


def scores_of(loaded: Loaded, tasks: TaskItems) -> Mapping[str, Scores]:
    """What the model scores on lm-eval's tasks, whose import takes seconds."""
    from haqa_bench.tracks.qlora.worker import lm_eval

    return lm_eval.scores_of(loaded, tasks)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve(share, run)
    else:
        work(run_alone)
