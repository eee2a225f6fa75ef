"""llama.cpp's quantizer, as a format or a recipe asks for it (haqa_bench.arithmetic.formats)."""

import ctypes
import os
from collections.abc import Mapping, Sequence

import llama_cpp as llama

from haqa_bench.arithmetic.formats import form_of
from haqa_bench.backends.jobs import Done
from haqa_bench.backends.llama_jobs import Quantize
from haqa_bench.backends.llama_log import cause_of
from haqa_bench.backends.workers import matrices
from haqa_bench.backends.workers.llama_logged import ERRORS, refused
from haqa_bench.backends.workers.matrices import Values

NONE: Mapping[str, Values] = {}


def quantize(job: Quantize) -> Done:
    """Writes a file in another format with llama.cpp's quantizer."""
    matrix = matrices.values(matrices.read(job.imatrix)) if job.imatrix else NONE
    run_quantizer(job.source, job.target, job.format, matrix, pure=job.pure)
    return Done()


def run_quantizer(
    source: str,
    target: str,
    name: str,
    matrix: Mapping[str, Values] = NONE,
    *,
    pure: bool = False,
    dry_run: bool = False,
) -> None:
    """llama.cpp's quantizer, or Refused with llama.cpp's own complaint. In a dry run an importance
    matrix may be empty: that there is one decides of the types, and not what it says.
    """
    form = form_of(name)
    params = llama.llama_model_quantize_default_params()
    params.ftype = file_type(form.format)
    params.allow_requantize, params.pure, params.dry_run = True, pure, dry_run
    types = [(pattern.encode(), tensor_type(kind)) for pattern, kind in form.tensors.items()]
    weights = [(name.encode(), _pointer(found), len(found)) for name, found in matrix.items()]
    params.tt_overrides = _ended(llama.llama_model_tensor_override, types)
    if form.imatrix:
        params.imatrix = _ended(llama.llama_model_imatrix_data, weights)
    ERRORS.clear()
    code = llama.llama_model_quantize(
        os.fsencode(source), os.fsencode(target), ctypes.byref(params)
    )
    if code != 0:
        raise refused(f"llama.cpp's quantizer returned {code}: {cause_of(ERRORS)}")


def file_type(name: str) -> int:
    """llama.cpp's number for a format, or Refused."""
    number: int | None = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{name.upper()}", None)
    if number is None:
        raise refused(f"llama.cpp has no format '{name}'")
    return number


def tensor_type(name: str) -> int:
    """ggml's number for a type, which llama-cpp-python names as ggml does."""
    number: int = getattr(llama, f"GGML_TYPE_{name}")
    return number


def _pointer(found: Values) -> object:
    return found.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def _ended(kind: type[ctypes.Structure], rows: Sequence[tuple[object, ...]]) -> object:
    """The rows as llama.cpp takes them: behind the last comes one of zeros."""
    return (kind * (len(rows) + 1))(*(kind(*row) for row in rows))
