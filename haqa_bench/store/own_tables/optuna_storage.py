"""Studies of Optuna, in a SQLite database or a journal.

A trial is a row, and its parameters, values and user attributes are columns. Trials that proposed
the same are repeats of it. A parameter that a trial did not have is blank. Trials that have not
ended are left out.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from haqa_bench.errors import HaqaError, nearest
from haqa_bench.store.own_tables.frame import Direction, Frame, of_values
from haqa_bench.store.own_tables.mapped import LINE

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

SQLITE = b"SQLite format 3\0"
FORM = "an Optuna study"
STATE = "state"
STATES: Mapping[str, str] = {"COMPLETE": "ok", "FAIL": "failed", "PRUNED": "pruned"}


def read(path: Path, data: bytes, sha256: str, wanted: str | None) -> Frame:
    """The trials of a study; its name is `wanted` where there are several.

    Raises:
        HaqaError: it is no storage of Optuna's, or the study is not there, or is empty.
    """
    with _opened(path, data) as storage:
        study = _study(path, storage, wanted)
        trials = [t for t in study.get_trials(deepcopy=False) if t.state.name in STATES]
        return _frame(path, sha256, study, trials)


@contextmanager
def _opened(path: Path, data: bytes) -> Iterator["BaseStorage"]:
    """A copy: Optuna writes to what it opens."""
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend
    from sqlalchemy.exc import SQLAlchemyError

    with TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        copy.write_bytes(data)
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(logging.ERROR)
        try:
            if data.startswith(SQLITE):
                yield RDBStorage(f"sqlite:///{copy}")
            else:
                yield JournalStorage(JournalFileBackend(str(copy)))
        except (SQLAlchemyError, RuntimeError, ValueError, LookupError, TypeError) as error:
            what = f"no storage of Optuna's that this version reads: {error}".splitlines()[0]
            raise HaqaError(path, what, "Write its trials as CSV") from None
        finally:
            optuna.logging.set_verbosity(level)


def _study(path: Path, storage: "BaseStorage", wanted: str | None) -> "Study":
    import optuna

    names = optuna.get_all_study_names(storage)
    if not names:
        raise HaqaError(path, "holds no study of Optuna's", "Is it the right file?")
    if wanted is None and len(names) > 1:
        raise HaqaError(path, f"holds {len(names)} studies: {', '.join(names)}", "Say --study NAME")
    if wanted is not None and wanted not in names:
        raise HaqaError("--study", f"no study '{wanted}'", nearest(wanted, names))
    return optuna.load_study(study_name=wanted or names[0], storage=storage)


def _frame(path: Path, sha256: str, study: "Study", trials: Sequence["FrozenTrial"]) -> Frame:
    parameters = list(dict.fromkeys(name for trial in trials for name in trial.params))
    metrics = _metrics(study)
    others = dict.fromkeys(name for trial in trials for name in trial.user_attrs)
    columns: dict[str, list[object]] = {STATE: [STATES[t.state.name] for t in trials]}
    columns |= {name: [_value(t, place) for t in trials] for place, name in enumerate(metrics)}
    columns |= {n: [t.user_attrs.get(n) for t in trials] for n in others if n not in columns}
    columns |= {name: [t.params.get(name) for t in trials] for name in parameters}
    return Frame(
        path,
        FORM,
        sha256,
        list(columns),
        [partial(of_values, values) for values in columns.values()],
        len(trials),
        partial(_place, path, [t.number for t in trials]),
        parameters,
        metrics,
        STATE,
        LINE,
    )


def _metrics(study: "Study") -> Mapping[str, Direction]:
    """The direction of each value that was tuned for, by its name."""
    directions: list[Direction] = [
        "maximize" if d.name == "MAXIMIZE" else "minimize" for d in study.directions
    ]
    plain = ["value"] if len(directions) == 1 else [f"values_{n}" for n in range(len(directions))]
    names = study.metric_names or plain
    return dict(zip(names, directions, strict=True))


def _value(trial: "FrozenTrial", place: int) -> float | None:
    return trial.values[place] if trial.values else None


def _place(path: Path, numbers: Sequence[int], row: int) -> str:
    return f"{path}: trial {numbers[row]}"
