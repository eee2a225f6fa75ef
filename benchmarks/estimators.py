"""Which estimator of a configuration's speed repeats best? Splits the passes of response tables and
compares what they say.

    python benchmarks/estimators.py results/tables/deploy/*.parquet

For every pair of passes and every estimator: the median and the 95th percentile of the relative
difference between the two passes' estimates of the same configuration, and Spearman's rank
correlation over configurations. Then the same with what others took of the machine: only
configurations whose samples were all undisturbed (others_share below 5 %) in both passes.
"""

import itertools
import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean, median

import numpy as np
import pyarrow.parquet as pq

ESTIMATORS = {
    "mean": mean,
    "median": median,
    "quick quartile": lambda s: float(np.quantile(s, 0.75)),
    "best": max,
    "worst": min,
}
QUIET = 0.05


def main() -> None:
    for name in sys.argv[1:]:
        table = pq.read_table(name)
        card = json.loads(table.schema.metadata[b"haqa_bench"])
        print(
            f"\n{Path(name).stem}: {card['passes']} passes of "
            f"{card['workload']['repeats']} samples, {' to '.join(card['measured'])}"
        )
        report([row for row in table.to_pylist() if row["pass"] < card["passes"]])


def report(rows: list[dict]) -> None:
    speeds: dict[int, dict[str, list[float]]] = defaultdict(dict)
    shares: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        readings = {r["name"]: r["samples"] for r in row["readings"]}
        if row["status"] == "ok":
            speeds[row["pass"]][row["configuration"]] = readings["end_to_end_tokens_per_s"]
            shares[row["pass"]][row["configuration"]] = max(readings["others_share"])
    disturbed = mean(share > QUIET for pass_ in shares.values() for share in pass_.values())
    print(
        f"  {100 * disturbed:.0f} % of the processes had a sample of which others took "
        f"over {100 * QUIET:.0f} % of the machine"
    )
    for label, limit in (("all", 1.0), ("undisturbed", QUIET)):
        for name, estimator in ESTIMATORS.items():
            differences, ranks, count = [], [], 0
            for one, two in itertools.combinations(sorted(speeds), 2):
                kept = [
                    k
                    for k in speeds[one]
                    if k in speeds[two] and max(shares[one][k], shares[two][k]) <= limit
                ]
                a, b = (np.array([estimator(speeds[p][k]) for k in kept]) for p in (one, two))
                differences += list(np.abs(a - b) / ((a + b) / 2))
                ranks.append(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])
                count += len(kept)
            spread = (
                f"{100 * np.median(differences):5.1f} % "
                f"{100 * np.quantile(differences, 0.95):5.1f} %"
            )
            print(
                f"  {label:11} {name:14} n = {count:4}: difference, median and 95th "
                f"percentile {spread}; rank {min(ranks):.3f}"
            )


if __name__ == "__main__":
    main()
