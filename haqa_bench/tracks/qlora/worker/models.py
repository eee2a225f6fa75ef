"""Models of transformers', quantized by bitsandbytes, with peft's adapters."""

import warnings
from typing import NamedTuple

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from haqa_bench.backends.workers.frame import Unusable
from haqa_bench.tracks.qlora.jobs import Quantized, Settings

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
TARGETS = {"all-linear": "all-linear", "attention": ATTENTION, "q_v": ["q_proj", "v_proj"]}


class Loaded(NamedTuple):
    """A model and its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


def be_quiet(threads: int = 1) -> None:
    """Keeps the libraries from talking of what is no fault, and to so many threads."""
    warnings.filterwarnings("ignore", message="MatMul8bitLt")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(threads)


def load(quantized: Quantized) -> Loaded:
    """The model, and its tokenizer.

    Raises:
        Unusable: transformers cannot read one of them.
    """
    compute = getattr(torch, quantized.compute)
    model = load_model(quantized.model, quantized.bits, compute)
    return Loaded(model, tokenizer_of(quantized.model))


def load_model(folder: str, bits: int | None, compute: torch.dtype) -> PreTrainedModel:
    """The model in a folder of transformers', its linear layers quantized to 4 or 8 bits, or not at
    all.

    Raises:
        Unusable: transformers cannot read it.
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
    # bitsandbytes places its own
    return model if quantization else model.to("cuda" if torch.cuda.is_available() else "cpu")


def tokenizer_of(folder: str) -> PreTrainedTokenizerBase:
    """The model's tokenizer, with something to fill short examples up with.

    Raises:
        Unusable: it has none that transformers can read.
    """
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


def adapted(model: PreTrainedModel, settings: Settings) -> PeftModel:
    """The model with adapters in float32, which alone are trained."""
    model = get_peft_model(
        model,
        LoraConfig(
            r=settings.lora_r,
            lora_alpha=settings.lora_alpha,
            lora_dropout=settings.lora_dropout,
            target_modules=TARGETS[settings.target_modules],
            task_type="CAUSAL_LM",
        ),
    )
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model
