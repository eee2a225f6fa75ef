"""What a tuning has found by now, for its page: the recommendation with its reasons, what else was
found, the confirmation, and what to type.
"""

from collections.abc import Iterator

from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project, Run
from haqa_bench.report.page.answer import Answer, Start
from haqa_bench.report.page.origins import Origin
from haqa_bench.tune import confirmed, failed, kept, shown, suites, written
from haqa_bench.tune.picture import picture
from haqa_bench.tune.recommendation import Recommendation, of_run
from haqa_bench.tune.trade import front
from haqa_bench.tune.why import why
from haqa_bench.tune.written import Written


def answer(run: Run, project: Project) -> Answer | None:
    """The answer of a run that a tuning made; None of any other.

    Raises:
        HaqaError: its database or its recommendation cannot be read.
    """
    cell = suites.tuned(run.suite)
    if cell is None:
        return None
    try:
        told = of_run(run, cell)
    except HaqaError as fault:
        return Answer(f"Nothing can be recommended: {fault}.")
    ended = written.read(project.folder, run.folder.resolve().name)
    limits = kept.of_constraints(cell.objective.constraints)
    lines = front(run, cell, limits, told.configuration)
    allowed = ",".join(limit.words for limit in limits)
    again = confirmed.table(run, cell)
    return Answer(
        title=_title(told, cell, ended),
        reasons=[*why(run, cell, told, limits), *_failed(run)] if ended else [],
        facts=[*_facts(told, ended)],
        tables={
            "tune-front": shown.table(lines, cell, told, allowed),
            **({"tune-confirmed": again} if again else {}),
        },
        starts=[*_starts(ended)] if ended else [],
        picture=picture(lines, cell, told.metric, told.unit),
    )


def _failed(run: Run) -> list[str]:
    """What could not be measured, in a sentence, where there is any."""
    return [*filter(None, [failed.told(run)])]


def _title(told: Recommendation, cell: Cell, ended: Written | None) -> str:
    if ended:
        return f"Recommended: {ended.verdict}"
    if told.default_is_best:
        return "Not ended: nothing that is allowed is better than the default so far"
    again = "not confirmed yet"
    if told.confirmed_gain is not None:
        again = f"{told.confirmed_gain:.2f} in {told.pairs} pairs"
    found = f"{told.found:.3g} {told.unit}, where the default gave {told.default:.3g}"
    if told.gain is not None:
        found = f"{told.gain:.2f} times the default"
    return f"Not ended: the best so far is {found}, when found; {again}"


def _short(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _facts(told: Recommendation, ended: Written | None) -> Iterator[Origin]:
    found = f"{_short(told.default)} by default, {_short(told.found)} at best when found"
    if ended:
        yield Origin("Settings", ended.settings_told)
        yield Origin("File", ended.file_told)
        yield Origin("Memory", ended.memory_told)
        if ended.untold:
            yield Origin("Ollama", ended.untold)
    yield Origin(f"{told.metric}, {told.unit}", found)


def _starts(ended: Written) -> Iterator[Start]:
    for name, line in ended.commands.items():
        if isinstance(line, str):
            yield Start("LM Studio" if name == written.LM_STUDIO else name, line)
        else:
            serve, create = line
            yield Start("Ollama", serve)
            yield Start("in another terminal, where the Modelfile is", create)
