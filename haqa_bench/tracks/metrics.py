"""Metrics that several tracks measure, in the same words."""

from collections.abc import Mapping

from haqa_bench.protocols import Metric

PEAK_MEMORY = Metric(
    "peak_memory_mb", "MB", "minimize", "10^6 bytes, the most that the process had", prompted=True
)
PEAK_DEVICE_MEMORY = Metric(
    "peak_device_memory_mb",
    "MB",
    "minimize",
    "10^6 bytes, the most that was taken of the devices' memory",
    prompted=True,
)
TRAIN_LOSS = Metric(
    "train_loss", "nats", "minimize", "mean of the last twentieth of the steps", 3, prompted=True
)
HELD_OUT_LOSS = Metric(
    "held_out_loss", "nats", "minimize", "for each token of the answers held out", 3, prompted=True
)
OTHERS_SHARE = Metric("others_share", "1", "minimize", "of the machine, that others took", 3)
SWITCHES = Metric("involuntary_switches", "1", "minimize", "of a core that a thread had to give up")

KEPT_QUALITY = (
    Metric("kl_divergence", "nats", "minimize", "from the reference's predictions", 4),
    Metric(
        "same_first_token",
        "1",
        "maximize",
        "share of tokens whose likeliest next token is the reference's",
        3,
    ),
)
"""Of predictions that are held against a reference's (tracks/deploy/quality.py)."""


def by_name(*metrics: Metric) -> Mapping[str, Metric]:
    """Metrics as a track holds them."""
    return {metric.name: metric for metric in metrics}
