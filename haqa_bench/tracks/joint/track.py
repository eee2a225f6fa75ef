"""The joint track: fine-tuning and deployment in one space (paper: one loop over both)."""

from collections.abc import Collection, Iterator

from haqa_bench.cell import Block, Cell, Model
from haqa_bench.hardware import Hardware
from haqa_bench.protocols import LiveEvaluator
from haqa_bench.space import SearchSpace
from haqa_bench.tracks import Rule, Track
from haqa_bench.tracks.deploy import settings as deploy
from haqa_bench.tracks.deploy.track import DEPLOY
from haqa_bench.tracks.joint.workload import JointWorkload
from haqa_bench.tracks.metrics import HELD_OUT_LOSS, by_name
from haqa_bench.tracks.qlora.jobs import SETTINGS as TRAINING
from haqa_bench.tracks.qlora.track import QLORA, check_length
from haqa_bench.tracks.qlora.workload import QloraWorkload


class JointTrack(Track[JointWorkload]):
    """See Track."""

    name = "joint"
    tuned = "QLoRA and llama.cpp in one"
    extras = ("train", "deploy")
    title = (
        "Best end-to-end tokens/s found under limits of loss and memory, fine-tuning and "
        "deployment in one loop"
    )
    workload = JointWorkload
    metrics = by_name(
        *(m for m in DEPLOY.metrics.values() if m.name in deploy.BEFORE_LOSS),
        HELD_OUT_LOSS,
        *(m for m in DEPLOY.metrics.values() if m.name not in deploy.BEFORE_LOSS),
    )
    published = "joint"

    def check(self, block: Block[JointWorkload], name: str, model: Model) -> None:
        """See Track."""
        deploy.refuse_synthetic(name, model)
        if model.gguf is None:
            raise ValueError(f"the model '{name}' is to be deployed, but has no gguf")
        deploy.lacking_settings(block.space)
        deploy.check_words(block.space)
        deploy.check_made(block.space, block.workload.deployment.imatrix)
        check_training(block.space, block.workload.training)

    def settings(self, workload: JointWorkload) -> Collection[str]:
        """See Track."""
        return (*TRAINING, *deploy.SETTINGS)

    def decides(self, metric: str) -> Collection[str] | None:
        """Of deployment, the training changes what the weights are, not how many or in which
        format.
        """
        return deploy.SETTINGS if metric in deploy.SPEEDS else None

    def evaluator(self, cell: Cell[JointWorkload]) -> LiveEvaluator:
        """See Track."""
        from haqa_bench.tracks.joint.evaluator import JointEvaluator

        return JointEvaluator(cell)

    def limits(self, workload: JointWorkload) -> str:
        """See Track."""
        return f"at most {workload.timeout_s:g} s and {workload.memory_gb:g} GB each"

    def rules(self, hardware: Hardware) -> Iterator[Rule]:
        """See Track."""
        yield from DEPLOY.rules(hardware)
        yield from QLORA.rules(hardware)


def check_training(space: SearchSpace, training: QloraWorkload) -> None:
    """Raises ValueError where the training's length or feedback is none of this track."""
    check_length(space, training)
    if training.feedback != "held_out_loss":
        raise ValueError("training: feedback: this track measures held_out_loss alone")


JOINT = JointTrack()
