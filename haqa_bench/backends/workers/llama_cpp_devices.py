"""What llama.cpp plans to put on each device, and on the host: `python -m
haqa_bench.backends.workers.llama_cpp_devices < job.json > result.json`.

llama.cpp loads nothing (`no_alloc`) but says in its log on which device each layer, the layer's
cache and each buffer would lie. Where it knows no device, a device is `declared`: its layers are
those that llama.cpp would put on one, and the buffers of the CPU stand for the device's.
"""

import llama_cpp as llama

from haqa_bench.backends.llama_jobs import PlanDevices, Planned
from haqa_bench.backends.llama_planned import assigned, declared, placed
from haqa_bench.backends.workers.frame import Refused
from haqa_bench.backends.workers.llama_cpp import context_params, load, new_context
from haqa_bench.backends.workers.llama_cpp_memory import tensors
from haqa_bench.backends.workers.llama_logged import LOG, refused, work_logged
from haqa_bench.errors import Status


def plan_devices(job: PlanDevices) -> Planned:
    """Bytes by place and part, weights in each format."""
    if job.settings.split_mode == "row":
        raise Refused("a split by rows is not planned: split by layers", Status.REFUSED)
    model = load(job.model, job.settings, simulated=True)
    params = context_params(job.settings, job.n_ctx)
    params.n_outputs_max = job.n_outputs
    new_context(model, params)
    log = "".join(LOG)
    files = {name: tensors(job.model, name) for name in job.formats}
    if not all(files.values()):
        raise refused("the file holds no weights")
    found = assigned(log)
    here = bool(found.devices)
    if not here:
        found = declared(found, job.settings.n_gpu_layers)
    copied = job.settings.mmap and job.settings.repack and "CPU_REPACK" in log
    return Planned(
        places=tuple(placed(found, log, files, copied)),
        here=here,
        n_ctx_train=llama.llama_model_n_ctx_train(model),
    )


if __name__ == "__main__":
    work_logged(plan_devices)
