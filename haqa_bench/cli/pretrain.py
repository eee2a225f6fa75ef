"""haqa-bench pretrain."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import COUNT, SEED
from haqa_bench.cli.options import DATA, JSON, PROJECT, QUIET, project_of
from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from haqa_bench.tracks.qat.pretrained import Card


@click.command(
    cls=Command,
    examples=[
        "haqa-bench pretrain resnet20 --data-dir FOLDER",
        "haqa-bench pretrain resnet20 --cycles 2 --fresh --json",
    ],
)
@click.argument("network", type=click.Choice(["resnet20", "resnet32", "resnet50"]))
@click.option("--set", "set_name", help="Its folder in results/pretrained/.  [default: DATA-fp32]")
@click.option("--epochs", type=COUNT, help="Of training.  [default: 60; 90 of ImageNet]")
@click.option(
    "--cycles",
    type=COUNT,
    default=1,
    show_default=True,
    help="How often the rate falls from its highest to 0, each time for all epochs; with more, a "
    "training that has ended goes on.",
)
@click.option(
    "--held-out",
    type=COUNT,
    help="Images that it is not trained on, for cells to try.  [default: 5000; 50000 of ImageNet]",
)
@click.option(
    "--precision",
    type=click.Choice(["bfloat16", "float32"]),
    default="bfloat16",
    show_default=True,
    help="What steps are computed in; weights are kept in float32.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the training.")
@click.option("--fresh", is_flag=True, help="Train another one in the place of what is there.")
@QUIET
@DATA
@PROJECT
@JSON
def pretrain(
    network: str,
    set_name: str | None,
    epochs: int | None,
    cycles: int,
    held_out: int | None,
    precision: Literal["bfloat16", "float32"],
    seed: int,
    fresh: bool,
    project: Path | None,
    as_json: bool,
) -> None:
    """Train NETWORK at full precision once, for cells of the qat track to fine-tune: resnet20 and
    resnet32 on CIFAR-10, resnet50 on ImageNet.

    It goes to results/pretrained/, with a card that says how it was trained. Stopped, it goes on
    with the same command.
    """
    from haqa_bench.backends import device
    from haqa_bench.cli.progress import bar
    from haqa_bench.tracks.qat import pretrained, pretraining

    data = pretraining.DATA[network]
    order = pretraining.Order(
        network,
        _named(set_name or f"{data}-fp32"),
        epochs or pretraining.EPOCHS[data],
        cycles,
        held_out or pretraining.HELD_OUT[data],
        precision,
        seed,
    )
    folder = project_of(Path.cwd(), project)
    target = pretrained.place(folder, order.set, network)
    pretraining.check(target, fresh)
    job, ended = pretraining.job_of(order), threading.Event()
    with device.exclusive(), bar() as progress:
        task = progress.add_task(f"{network}: epochs", total=order.epochs * cycles)

        def watch() -> None:
            while not ended.wait(1.0):
                progress.update(task, completed=pretraining.epochs_done(job))

        threading.Thread(target=watch, daemon=True).start()
        try:
            card = pretraining.trained(order, job, target)
        finally:
            ended.set()
    echo(card.model_dump_json(indent=2) if as_json else _told(target, card))


def _named(text: str) -> str:
    from haqa_bench.cell import NAME
    from haqa_bench.errors import HaqaError

    if not NAME.fullmatch(text):
        raise HaqaError("--set", f"'{text}' is no name", "Use letters, digits, '.', '_' and '-'")
    return text


def _told(target: Path, card: "Card") -> str:
    return (
        f"{target}: {card.test_accuracy:.2f} % of the test set, {card.held_out_accuracy:.2f} % of "
        f"{card.held_out} images held out; {len(card.losses)} epochs of {card.images} images in "
        f"{card.seconds:.0f} s.\nImages: {card.about}. Its card: {target.with_suffix('.json').name}"
    )
