"""haqa-bench: an offline, reproducible benchmark of agents that tune quantization and deployment
(HAQA, arXiv 2601.03484).

`import haqa_bench as hb` is the door for Python (docs/python.md). Each name below is loaded when it
is first used, so that the import itself costs nothing.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haqa_bench.api.cell import Cell as Cell
    from haqa_bench.api.comparing import compare as compare
    from haqa_bench.api.function_cell import FunctionCell as FunctionCell
    from haqa_bench.api.function_cell import function_cell as function_cell
    from haqa_bench.api.response_table import Table as Table
    from haqa_bench.api.runs import Run as Run
    from haqa_bench.api.runs import open_run as open_run
    from haqa_bench.api.studied import Studied as Studied
    from haqa_bench.api.studying import optimize as optimize
    from haqa_bench.api.studying import run_study as run_study
    from haqa_bench.api.suites import Suite as Suite
    from haqa_bench.api.suites import cell as cell
    from haqa_bench.api.suites import cells as cells
    from haqa_bench.api.suites import load_suite as load_suite
    from haqa_bench.errors import EvaluationFailed as EvaluationFailed
    from haqa_bench.errors import HaqaError as HaqaError
    from haqa_bench.optimizers.ask_tell import AskTell as AskTell
    from haqa_bench.protocols import Proposal as Proposal
    from haqa_bench.space import Configuration as Configuration
    from haqa_bench.study import Study as Study
    from haqa_bench.trial import Trial as Trial

__version__ = "0.2.0"
__all__ = [
    "AskTell",
    "Cell",
    "Configuration",
    "EvaluationFailed",
    "FunctionCell",
    "HaqaError",
    "Proposal",
    "Run",
    "Studied",
    "Study",
    "Suite",
    "Table",
    "Trial",
    "cell",
    "cells",
    "compare",
    "function_cell",
    "load_suite",
    "open_run",
    "optimize",
    "run_study",
]
_HOMES = {
    "AskTell": "optimizers.ask_tell",
    "Cell": "api.cell",
    "Configuration": "space",
    "EvaluationFailed": "errors",
    "FunctionCell": "api.function_cell",
    "HaqaError": "errors",
    "Proposal": "protocols",
    "Run": "api.runs",
    "Studied": "api.studied",
    "Study": "study",
    "Suite": "api.suites",
    "Table": "api.response_table",
    "Trial": "trial",
    "cell": "api.suites",
    "cells": "api.suites",
    "compare": "api.comparing",
    "function_cell": "api.function_cell",
    "load_suite": "api.suites",
    "open_run": "api.runs",
    "optimize": "api.studying",
    "run_study": "api.studying",
}


class _Package(ModuleType):
    """This package, whose own names win: `hb.cell` is a function, whoever imports the module
    haqa_bench.cell, which Python would put in its place.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'haqa_bench' has no attribute '{name}'")
        from importlib import import_module

        found: object = getattr(import_module(f"haqa_bench.{_HOMES[name]}"), name)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOMES})


sys.modules[__name__].__class__ = _Package
