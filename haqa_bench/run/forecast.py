"""What a plan will take, and what should be known of it before it runs."""

import math
from statistics import median

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.errors import PluginFailed
from haqa_bench.plugins import quiet
from haqa_bench.run import proposing
from haqa_bench.run.plan import Plan
from haqa_bench.store import tables, trials
from haqa_bench.study import Study
from haqa_bench.tracks import AnyTrack


def warnings(plan: Plan) -> list[str]:
    """The budget check: what keeps a method of the plan from showing what it can do. LLMs are not
    asked for it.
    """
    asked = {(s.cell.id, s.method.name): s for s in plan.studies if s.method.chat is None}
    found = []
    for study in asked.values():
        start_up = _start_up(plan, study)
        proposals = study.cell.budget.proposals
        drawn = min(start_up, proposals) - 1
        if start_up > 1 and 2 * drawn > proposals - 1:
            found.append(
                f"{study.method.name} on {study.cell.id}: {drawn} of its {proposals - 1} proposals "
                f"are random draws, since it starts up for {start_up} trials; give it a larger "
                "budget, or a smaller start-up in its options"
            )
    return found


def _start_up(plan: Plan, study: Study) -> int:
    """Of a study's optimizer; 0 of one that fails, which its study will tell."""
    try:
        with quiet():
            return proposing.made(study, None, plan.places.prompts).start_up
    except PluginFailed:
        return 0


def stale(plan: Plan) -> list[str]:
    """The tables of the plan that another llama.cpp than the installed one made, a line each."""
    looks = plan.measure == "recorded" and tables.installed_build()
    cells = _cells(plan) if looks else []
    paths = [plan.recording(cell) for cell in cells if cell.space.finite and not cell.simulated]
    known = [(path, tables.stale(tables.read(path))) for path in paths if path.is_file()]
    return [f"{path.name} {why}" for path, why in known if why]


def forecast(plan: Plan) -> list[str]:
    """What measuring each cell of the plan live takes at most, and, where its response table says
    so, will take, a line each.
    """
    return [f"{_forecast(plan, cell)}." for cell in _cells(plan)]


def _cells(plan: Plan) -> list[Cell]:
    return list({s.cell.id: s.cell for s in plan.studies}.values())


def _forecast(plan: Plan, cell: Cell) -> str:
    with tracks.faults(cell.track, "track failed", "asked for its limits"):
        return _taking(plan, cell, tracks.of(cell))


def _taking(plan: Plan, cell: Cell, track: AnyTrack) -> str:
    studies = sum(s.cell.id == cell.id for s in plan.studies)
    text = (
        f"{cell.id} on {cell.hardware.name}: {studies} studies, at most "
        f"{studies * cell.budget.proposals} trials{_training(cell, studies)}; "
        f"{track.limits(cell.workload)}"
    )
    if begins_with := track.begins_with(cell):
        text += f"; {begins_with}"
    if plan.recording(cell).is_file():
        text += _recorded(plan, cell)
    elif foreseen := track.forecast(cell):
        text += f"; {foreseen}"
    if track.confirmed == "tests":
        again = (studies + 1 + len(track.references(cell))) * cell.measurement.tests
        text += f"; then at most {again} trainings more, which are tested"
    return text


def _training(cell: Cell, studies: int) -> str:
    """What so many studies may train in all, where the budget says so."""
    resource = cell.budget.resource
    return f" and {studies * resource.at_most} {resource.parameter} in all" if resource else ""


def _recorded(plan: Plan, cell: Cell) -> str:
    """What a configuration took when it was recorded, in words."""
    path = plan.recording(cell)
    return _swept(tables.read(path)) if cell.space.finite else _tried(trials.read(path))


def _tried(recording: trials.Recording) -> str:
    """How many trials were recorded, and what one took."""
    known = recording.trials.values()
    seconds = [trial.seconds for trial in known if trial.seconds is not None]
    took = f", {median(seconds):.0f} s each" if seconds else ""
    return f"; recorded there, and not measured again: {len(known)} configurations{took}"


def _swept(table: tables.ResponseTable) -> str:
    """What a configuration took when the table was measured: seconds, and the most memory."""
    entries = table.entries
    seconds = [s for s in entries.seconds().tolist() if not math.isnan(s)]
    memory = [m for m in entries.metric("peak_memory_mb").tolist() if not math.isnan(m)]
    if not seconds:
        return ""
    gigabytes = f" and {max(memory) / 1000:.1f} GB" if memory else ""
    return f"; recorded there: {median(seconds):.0f} s{gigabytes}"
