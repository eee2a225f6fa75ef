"""Runs studies in this process, on recorded measurements, and leaves no folder behind."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import index
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from haqa_bench import plugins
from haqa_bench.api import given, trials
from haqa_bench.api.cell import Cell, plan_of
from haqa_bench.api.function_cell import FORM, Function, FunctionCell, Space, function_cell
from haqa_bench.api.given import Brought, Given, Named
from haqa_bench.api.studied import Studied, done
from haqa_bench.errors import HaqaError
from haqa_bench.protocols import Optimizer
from haqa_bench.run import answering, inputs, proposing
from haqa_bench.run import study as studies
from haqa_bench.space import Scalar, SearchSpace
from haqa_bench.study import Seed, Study
from haqa_bench.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
TODO = "Say how many, or which"
SEEDS = 30
OF_FUNCTIONS = "tpe"
"""What makes a function small, where nobody says what is to."""
_SEEDS = TypeAdapter(list[Seed])
NONE: Mapping[str, Scalar] = MappingProxyType({})


def run_study(
    optimizer: Given,
    cell: Cell,
    seed: int = 0,
    *,
    name: str | None = None,
    options: Mapping[str, Scalar] = NONE,
) -> Studied:
    """One study: an optimizer proposes, recorded measurements answer, until the budget is spent.
    Trial 0 is the default. Nothing is written.

    `optimizer` is the name of a method of the cell's suite (an agent is replayed from its
    recording), of one of ours or of an installed plug-in; a class that is made from a `Study`, such
    as an `AskTell`; an object with `ask(history)`; or a function that gives a configuration from
    the history, or from the history and the `Study`. `name` labels it in place of its own,
    `options` are those of its settings that are to be others.

    Raises:
        HaqaError: no such method, a recording that is missing, or options that are wrong.
        PluginFailed: a HaqaError too; the optimizer raised something, or gave no proposal. What it
        raised is the `__cause__`.
    """
    found = given.read(optimizer, cell, name, options)
    return next(_studied(found, cell, _studies(found, cell, [seed])))


def optimize(
    cell: Cell | Function,
    optimizer: Given | Space,
    seeds: int | Iterable[int] | None = None,
    *,
    name: str | None = None,
    options: Mapping[str, Scalar] = NONE,
) -> "pd.DataFrame":
    """Studies of one optimizer with several seeds, as `run_study` runs them, one row a trial.

    `optimize(function, space)` makes a function of your own small: it is short for
    `optimize(function_cell(function, space), "tpe", 1)`.

    `seeds` is how many, from 0 on, or which; 30 where it is left out. Where it says how
    many, a method that was recorded has those of them that were, and one whose suite gives it seeds
    of its own has these, as with `haqa-bench run --seeds`.

    The columns: `suite`, `cell`, `method`, `optimizer`, `seed`, `answered_by` (who the LLM was);
    `number` (0 is the default), the parameters, `configuration` (text, equal for equal ones),
    `status`, `reason`, `repeat_of`, `feasible` (measured, and within the constraints), `value`
    (of the objective), `best` (feasible value so far), `regret` (so far, as a share of the
    optimum), `rank` (1 is the best of the whole response table); `metric`, `unit`, `direction`,
    `optimum`, `n` (readings behind the value), `source`; every metric; and what was spent:
    `seconds`, `llm_seconds`, `prompt_tokens`, `completion_tokens`, `dollars`. `thought` is the
    LLM's. `attrs["units"]` has the unit of each metric. A parameter or metric that is called as one
    of these is `configuration.NAME` or `metric.NAME`.

    Raises:
        HaqaError: as `run_study`; or an object is to run with several seeds, which needs a class.
    """
    if not isinstance(cell, Cell):
        made = function_cell(cell, _space(optimizer))
        return optimize(made, OF_FUNCTIONS, seeds or 1, name=name, options=options)
    found = given.read(optimizer, cell, name, options)
    planned = _studies(found, cell, SEEDS if seeds is None else seeds)
    if isinstance(found, Brought) and found.once and len(planned) > 1:
        what = "an object has one study's seed in it, and cannot run with several"
        raise HaqaError("optimizer", what, "Give its class, or use run_study")
    return trials.frame([done(study) for study in _studied(found, cell, planned)])


def _space(found: object) -> Space:
    if not isinstance(found, Mapping | SearchSpace):
        what = f"a function is optimized on a space, not on a {type(found).__name__}"
        raise HaqaError("optimize", what, f"Give its parameters by name. {FORM}")
    return found


def _studies(found: Named | Brought, cell: Cell, seeds: int | Iterable[int]) -> Sequence[Study]:
    """The studies of a method on a cell, a seed each."""
    price = cell.suite.prices.get(found.method.chat.model) if found.method.chat else None
    wanted = [Study(cell.suite.name, cell.resolved, found.method, s, price) for s in _seeds(seeds)]
    own = found.method.seeds
    if isinstance(seeds, Iterable):
        return wanted
    if own is not None:
        return [wanted[0]._replace(seed=seed) for seed in own]
    return [s for s in wanted if inputs.there(s, cell.suite, cell.project)] or wanted


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    """Which seeds are meant; numbers of another library count too."""
    try:
        given = seeds if isinstance(seeds, Iterable) else range(index(seeds))
        found = _SEEDS.validate_python([index(seed) for seed in given])
    except ValidationError as error:
        raise HaqaError("seeds", error.errors()[0]["msg"], TODO) from None
    except TypeError:
        raise HaqaError("seeds", f"{seeds!r}: not whole numbers", TODO) from None
    if not found or len(set(found)) < len(found):
        raise HaqaError("seeds", f"{seeds!r}: none, or one twice", TODO)
    return found


def _studied(found: Named | Brought, cell: Cell, planned: Sequence[Study]) -> Iterator[Studied]:
    if isinstance(found, Named):
        yield from (_replayed(found, cell, study) for study in planned)
        return
    handed = cell.resolved.model_copy(deep=True)  # a method's own, which it may change
    for study in planned:
        optimizer = _made(found, study._replace(cell=handed))
        yield Studied(cell, study, tuple(_trials(optimizer, cell, study)))


def _replayed(found: Named, cell: Cell, study: Study) -> Studied:
    """A study of a method that the suite or the registry knows; of an agent, as it was recorded."""
    plan = plan_of(cell, study)
    if not isinstance(cell, FunctionCell):
        inputs.check(plan)
    chat = answering.chat_model(plan, study, ()) if study.method.chat else None
    optimizer = proposing.made(study, chat, plan.places.prompts).optimizer
    replayed = tuple(_trials(optimizer, cell, study))
    if note := answering.closed(chat):
        log.warning("%s: %s", study.id, note)
    labelled = study._replace(method=study.method.model_copy(update={"name": found.label}))
    return Studied(cell, labelled, replayed, answering.answered_by(plan, study, chat))


def _made(found: Brought, study: Study) -> Optimizer:
    with plugins.faults(proposing.FAILED, f"'{study.method.name}', as it was made", found.path):
        return given.Asked(found.ask(study))


def _trials(optimizer: Optimizer, cell: Cell, study: Study) -> Iterator[Trial]:
    return studies.run_study(study, optimizer, cell.evaluator, ())
