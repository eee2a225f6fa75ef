"""Trains gradient-boosted trees of scikit-learn with every setting, and writes measurements.jsonl.

    OMP_NUM_THREADS=1 python measure.py

The data are made by scikit-learn itself (make_classification). Each seed draws other data, splits
them, and trains every setting once, in an order of its own. `fit_s` is processor time.
"""

import itertools
import json
import os
import random
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before scikit-learn is imported: else its threads spin

from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent
SPACE = {
    "max_iter": [20, 50, 100, 200],
    "learning_rate": [0.03, 0.1, 0.3, 1.0],
    "max_leaf_nodes": [7, 15, 31],
    "min_samples_leaf": [5, 20],
}
SEEDS = range(3)


def measured(configuration: dict[str, float], seed: int) -> dict[str, float]:
    """Accuracy on held-out data, in %, and the processor seconds of training."""
    data, labels = make_classification(
        1500, 20, n_informative=8, n_classes=3, flip_y=0.05, random_state=seed
    )
    train, test, of_train, of_test = train_test_split(data, labels, random_state=seed)
    model = HistGradientBoostingClassifier(random_state=seed, **configuration)
    before = time.process_time()
    model.fit(train, of_train)
    spent = time.process_time() - before
    return {"accuracy": round(100 * model.score(test, of_test), 3), "fit_s": round(spent, 4)}


def main() -> None:
    """Trains all, seed after seed."""
    settings = [dict(zip(SPACE, v, strict=True)) for v in itertools.product(*SPACE.values())]
    rows = []
    for seed in SEEDS:
        for number in random.Random(seed).sample(range(len(settings)), len(settings)):
            rows.append((number, seed, measured(settings[number], seed)))
    with (HERE / "measurements.jsonl").open("w") as file:
        for number, seed, found in sorted(rows, key=lambda row: row[:2]):
            file.write(json.dumps({**settings[number], "seed": seed, **found}) + "\n")


if __name__ == "__main__":
    main()
