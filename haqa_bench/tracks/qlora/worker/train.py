"""Trains an adapter on a quantized model, in a process of its own: `python -m
haqa_bench.tracks.qlora.worker.train < job.json`.

QLoRA (arXiv 2305.14314): the model's weights are frozen at NF4 with double quantization (INT4), or
at LLM.int8 (INT8, threshold 6.0), by bitsandbytes; low-rank adapters beside them are trained, by
transformers' Trainer, on the answers alone. The loss is in nats a token.
"""

import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from haqa_bench.backends.forks import serve
from haqa_bench.backends.workers.load import peak_bytes
from haqa_bench.backends.workers.training import (
    Curve,
    Diverged,
    curve_as_text,
    facts_of,
    gpu_facts,
    memory_fault,
)

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
TARGETS = {"all-linear": "all-linear", "attention": ATTENTION, "q_v": ["q_proj", "v_proj"]}
IGNORED = -100
"""The label of a token that nothing is learnt from."""
TOKENS_AT_ONCE = 2048

Example = Mapping[str, list[int]]


class Unusable(Exception):
    """A model or a file that cannot be worked with: where, what is wrong and, where it helps, what
    to do.
    """


class Loaded(NamedTuple):
    """A model and its tokenizer."""

    model: Any
    tokenizer: Any


def main() -> None:
    """One job from stdin to one result on stdout, or, with `serve`, many on one model. The
    libraries' own prints go to stderr.
    """
    warnings.filterwarnings("ignore", message="MatMul8bitLt")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if sys.argv[1:] == ["serve"]:
        torch.set_num_threads(1)
        serve(shared, attempt, Unusable)
        return
    job = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with answers:
        json.dump(attempt(None, job), answers)


def attempt(loaded: Loaded | None, job: dict[str, Any]) -> dict[str, Any]:
    """The result of a job, or why there is none."""
    torch.set_num_threads(job["threads"])
    if job["memory_bytes"]:
        resource.setrlimit(resource.RLIMIT_DATA, (job["memory_bytes"], job["memory_bytes"]))
    try:
        if job["do"] == "train":
            return run(job, loaded or shared(job))
        return {"convert": convert, "tokenize": tokenize, "merge": merge, "plan": plan}[job["do"]](
            job
        )
    except Diverged as reason:
        return {"refused": str(reason), "status": "diverged"}
    except Unusable as reason:
        return {"unusable": reason.args}
    except (MemoryError, RuntimeError) as error:
        if not memory_fault(error):
            raise
        return {"refused": str(error).splitlines()[0], "status": "oom"}


def shared(job: dict[str, Any]) -> Loaded:
    """The quantized model and its tokenizer, which no trial changes."""
    return Loaded(
        load(job["model"], job["bits"], getattr(torch, job["compute"])), tokenizer_of(job["model"])
    )


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """Writes the GGUF file `source` as a folder of transformers', weights unpacked to float32, with
    its tokenizer.
    """
    source = Path(job["source"])
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unusable(
            str(source), f"transformers cannot read it: {str(error).splitlines()[0]}"
        ) from None
    model.hf_quantizer = None  # else the unpacked model is taken for a quantized one
    del model.config.quantization_config
    model.save_pretrained(job["target"])
    tokenizer.save_pretrained(job["target"])
    return {}


def tokenize(job: dict[str, Any]) -> dict[str, Any]:
    """Turns `items`, pairs of prompt and answer, into tokens, the prompt's without labels; longer
    ones are cut to `max_length`.
    """
    tokenizer = tokenizer_of(job["model"])
    examples = []
    for prompt, answer in job["items"]:
        asked = tokenizer(prompt, add_special_tokens=True)["input_ids"]
        said = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        tokens, labels = asked + said, [IGNORED] * len(asked) + said
        if len(asked) < job["max_length"]:
            examples.append(
                {"input_ids": tokens[: job["max_length"]], "labels": labels[: job["max_length"]]}
            )
    return {"examples": examples}


def run(job: dict[str, Any], loaded: Loaded) -> dict[str, Any]:
    """Trains where there are settings, and finds the loss on examples held out, or the scores on
    the tasks asked for.
    """
    started = time.perf_counter()
    model, tokenizer = loaded
    set_seed(job["seed"])
    examples = json.loads(Path(job["examples"]).read_text("utf-8"))
    result: dict[str, Any] = {}
    facts: dict[str, str] = {}
    if job["settings"] is not None:
        model, curve, facts = trained(model, tokenizer.pad_token_id, examples["train"], job)
        result["train_loss"] = curve.points[-1][1]
        if job["save"]:
            model.save_pretrained(job["save"])
    finished = time.perf_counter()
    model.eval()
    if job["tasks"]:
        result["tasks"] = _tasks(model, tokenizer, job["tasks"])
    else:
        result["losses"] = losses(
            model, tokenizer.pad_token_id, examples["held_out"], getattr(torch, job["compute"])
        )
    facts |= facts_of(
        seed=job["seed"],
        threads=job["threads"],
        weights_mb=round(model.get_memory_footprint() / 1e6, 1),
        versions=f"torch {torch.__version__}, transformers {transformers.__version__}",
        train_s=round(finished - started, 2),
        evaluate_s=round(time.perf_counter() - finished, 2),
        **gpu_facts(),
    )
    return {**result, "peak_bytes": peak_bytes(), "facts": facts}


def load(folder: str, bits: int | None, compute: torch.dtype) -> Any:
    """The model in a folder of transformers', its linear layers quantized to 4 or 8 bits, or not at
    all.
    """
    quantization = {
        4: BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute,
        ),
        8: BitsAndBytesConfig(load_in_8bit=True),
    }.get(bits or 0)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, quantization_config=quantization, dtype=compute
        )
    except (OSError, ValueError, KeyError) as error:
        raise Unusable(folder, str(error).splitlines()[0]) from None
    return (
        model if quantization else model.to("cuda" if torch.cuda.is_available() else "cpu")
    )  # bitsandbytes places its own


def tokenizer_of(folder: str) -> Any:
    """The model's tokenizer, with something to fill short examples up with."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError, TypeError):
        raise Unusable(
            folder,
            "has no tokenizer that transformers can read",
            "Put the model's tokenizer.json beside its weights",
        ) from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def merge(job: dict[str, Any]) -> dict[str, Any]:
    """Adds an adapter's weights to the model's, unquantized, and writes the sum as the GGUF file
    `target`, of which `donor` is the form.

    Also what the merged model says greedily to each of `prompts`: at most `n_generate` tokens, in
    float32.
    """
    from haqa_bench.tracks.qlora.worker.gguf_export import export

    tokenizer = tokenizer_of(job["model"])
    model = PeftModel.from_pretrained(
        load(job["model"], None, torch.float32), job["adapter"]
    ).merge_and_unload()
    try:
        export(
            {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()},
            Path(job["donor"]),
            Path(job["target"]),
        )
    except ValueError as error:
        raise Unusable(job["donor"], str(error)) from None
    said = []
    for prompt in job["prompts"]:
        tokens = tokenizer(prompt, return_tensors="pt")["input_ids"].to(model.device)
        found = model.generate(tokens, max_new_tokens=job["n_generate"], do_sample=False)
        said.append({"prompt": tokens[0].tolist(), "answer": found[0, tokens.shape[1] :].tolist()})
    return {"said": said}


def plan(job: dict[str, Any]) -> dict[str, Any]:
    """What a training step would hold, by running its forward pass without any memory (torch's meta
    device): counts and bytes.

    `activations` are the tensors that autograd keeps for the backward pass, parameters and logits
    apart; `inputs`, those that linear layers get and that are not among them; `logits` are of
    float32.
    """
    runtime = peak_bytes()
    try:
        config = AutoConfig.from_pretrained(job["model"])
    except (OSError, ValueError, KeyError) as error:
        raise Unusable(job["model"], str(error).splitlines()[0]) from None
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, job["compute"]))
    linear = [
        m
        for name, m in model.named_modules()
        if isinstance(m, torch.nn.Linear) and m is not model.get_output_embeddings()
    ]
    sizes = {
        "quantized": sum(m.weight.numel() for m in linear),
        "rows": sum(m.out_features for m in linear),
    }
    kept = sum(p.numel() for p in model.parameters()) - sizes["quantized"]
    model = adapted(model, job["settings"])
    owned = {p.untyped_storage()._cdata for p in model.parameters()}
    saved: dict[int, Any] = {}
    inputs: dict[int, Any] = {}
    tokens = torch.zeros(job["batch"], job["length"], dtype=torch.long, device="meta")
    logits = job["batch"] * job["length"] * config.vocab_size * 4

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if (storage := tensor.untyped_storage())._cdata not in owned:
            saved[storage._cdata] = storage  # held, so that no other takes its place
        return tensor

    for layer in linear:
        layer.register_forward_pre_hook(
            lambda _, given: inputs.update({(s := given[0].untyped_storage())._cdata: s})
        )
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", getattr(torch, job["compute"])),
    ):
        model(input_ids=tokens, labels=tokens)
    return {
        **sizes,
        "kept": kept,
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "activations": sum(s.nbytes() for s in saved.values()) - logits,
        "inputs": sum(storage.nbytes() for key, storage in inputs.items() if key not in saved),
        "logits": logits,
        "runtime": runtime,
    }


class Watch(TrainerCallback):
    """Notes each step's loss, and ends a training that diverges."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """See TrainerCallback."""
        if logs and "loss" in logs:
            self.curve.add(float(logs["loss"]))


def trained(
    model: Any, pad: int, examples: Sequence[Example], job: dict[str, Any]
) -> tuple[Any, Curve, dict[str, str]]:
    """The model with an adapter trained on `examples`, the curve of its loss, and the settings that
    took effect.

    Raises:
        Diverged: the loss is no number, or twice as large as at first.
    """
    settings = job["settings"]
    micro, accumulated = (
        settings["per_device_train_batch_size"],
        settings["gradient_accumulation_steps"],
    )
    steps = settings.get("max_steps") or max(1, round(job["seen"] / (micro * accumulated)))
    set_seed(
        job["seed"]
    )  # before the adapter is built: its random half is part of what the seed decides
    model = adapted(model, settings)
    curve = Curve(steps)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=accumulated,
            max_steps=steps,
            learning_rate=settings["learning_rate"],
            lr_scheduler_type=settings["lr_scheduler_type"],
            warmup_steps=int(settings["warmup_ratio"] * steps),
            weight_decay=settings["weight_decay"],
            max_grad_norm=settings["max_grad_norm"],
            optim="paged_adamw_32bit" if torch.cuda.is_available() else "adamw_torch",
            bf16=job["compute"] == "bfloat16",
            fp16=job["compute"] == "float16",
            use_cpu=not torch.cuda.is_available(),
            seed=job["seed"],
            logging_steps=1,
            logging_nan_inf_filter=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=list(examples),
            data_collator=lambda batch: padded(batch, pad),
            callbacks=[Watch(curve)],
        )
        trainer.train()
    curve.end()
    took = facts_of(
        steps=steps,
        effective_batch=micro * accumulated,
        optimizer=str(arguments.optim).rpartition(".")[2].lower(),
        trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        adapted_layers=sum("lora_A" in name for name, _ in model.named_parameters()),
        learning_curve=curve_as_text(curve.points),
    )
    return model, curve, took


def adapted(model: Any, settings: Mapping[str, Any]) -> Any:
    """The model with adapters in float32, which alone are trained."""
    model = get_peft_model(
        model,
        LoraConfig(
            r=settings["lora_r"],
            lora_alpha=settings["lora_alpha"],
            lora_dropout=settings["lora_dropout"],
            target_modules=TARGETS[settings["target_modules"]],
            task_type="CAUSAL_LM",
        ),
    )
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model


def padded(examples: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """Examples as tensors, n x the longest; what is filled up is not attended to and not learnt
    from.
    """
    longest = max(len(e["input_ids"]) for e in examples)
    lacking = [longest - len(e["input_ids"]) for e in examples]
    return {
        "input_ids": torch.tensor(
            [e["input_ids"] + [pad] * n for e, n in zip(examples, lacking, strict=True)]
        ),
        "labels": torch.tensor(
            [e["labels"] + [IGNORED] * n for e, n in zip(examples, lacking, strict=True)]
        ),
        "attention_mask": torch.tensor(
            [[1] * len(e["input_ids"]) + [0] * n for e, n in zip(examples, lacking, strict=True)]
        ),
    }


@torch.no_grad()
def losses(
    model: Any, pad: int, examples: Sequence[Example], compute: torch.dtype
) -> list[list[float]]:
    """For each example in its order: the sum of the loss over its answer's tokens, in nats, and how
    many they are.

    Batches are of examples of like length, so that little is filled up.
    """
    found: dict[int, list[float]] = {}
    order = sorted(range(len(examples)), key=lambda i: len(examples[i]["input_ids"]))
    while order:
        size = max(1, TOKENS_AT_ONCE // len(examples[order[-1]]["input_ids"]))
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
        for i, loss, count in zip(
            chosen, each.tolist(), (labels != IGNORED).sum(1).tolist(), strict=True
        ):
            found[i] = [loss, count]
    return [found[i] for i in range(len(examples))]


def _tasks(model: Any, tokenizer: Any, tasks: Mapping[str, Any]) -> dict[str, Any]:
    from haqa_bench.tracks.qlora.worker import lm_eval as lm_eval_worker

    try:
        return lm_eval_worker.tried(
            model, tokenizer, tasks["names"], tasks["files"], tasks["items"], tasks["skipped"]
        )
    except lm_eval_worker.Unreadable as reason:
        raise Unusable(*reason.args) from None


if __name__ == "__main__":
    main()
