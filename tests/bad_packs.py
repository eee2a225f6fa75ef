"""Ways to spoil a pack: each with the rule that it breaks, and the reason that is told."""

import shutil

from packed import (
    CELL,
    PAIRS,
    PROFILE,
    TABLE,
    change_json,
    change_lines,
    change_rows,
    change_text,
    every_sample,
    samples_of,
    set_samples,
)
from support import REPOSITORY


def first_ok(rows):
    return next(row for row in rows if row["status"] == "ok")


def copy_one_to_another(rows):
    one, other = [row for row in rows if row["status"] == "ok" and row["pass"] == 0][:2]
    set_samples(other, "time_us", list(samples_of(one, "time_us")))
    key = other["configuration"]
    rows[:] = [r for r in rows if r["configuration"] != key or r["pass"] == 0]
    key = one["configuration"]
    rows[:] = [r for r in rows if r["configuration"] != key or r["pass"] == 0]


def busy(rows):
    for row in rows:
        if row["status"] == "ok":
            set_samples(row, "others_share", [0.4 for _ in samples_of(row, "others_share")])


def metric(name, new):
    return every_sample(name, lambda sample: new)


RECORDING = f"cassettes/kernels/{CELL}/haqa-s0.jsonl"


def recorded(pack, name="haqa-s0.jsonl"):
    target = (pack / RECORDING).with_name(name)
    target.parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / RECORDING, target)


def renamed(told, model):
    for cell in told["cells"]:
        cell["model_name"] = model


BAD = {
    "the form is blank": (change_text("FORM.yaml", "anonymous", '""'), "form", "contributor"),
    "no consent": (change_text("FORM.yaml", "true", "false"), "form", "consent_to_publish"),
    "another licence": (change_text("FORM.yaml", "CC-BY-4.0", "ask me"), "form", "CC0-1.0"),
    "a form of other keys": (change_text("FORM.yaml", "licence", "license"), "form", "license"),
    "the form is gone": (lambda pack: (pack / "FORM.yaml").unlink(), "form", "cannot be read"),
    "a file too many": (
        lambda pack: (pack / "run.sh").write_text("echo"),
        "files",
        "run.sh: is no file of a pack",
    ),
    "a configuration less": (
        change_rows(lambda rows: rows.__delitem__(slice(0, 3))),
        "space",
        "1 of 108 configurations are missing",
    ),
    "a configuration of another space": (
        change_rows(lambda rows: rows[0].update(configuration='{"GROUP":3}')),
        "space",
        "is no configuration of the space",
    ),
    "a configuration twice": (
        change_rows(lambda rows: rows.append(dict(rows[0]))),
        "space",
        "stands 2 times in pass 0",
    ),
    "another unit": (
        change_rows(lambda rows: first_ok(rows)["readings"][0].update(unit="ms")),
        "metrics",
        "is in 'ms', not in 'us'",
    ),
    "a metric that is none": (
        change_rows(lambda rows: first_ok(rows)["readings"][0].update(name="speed")),
        "metrics",
        "speed is no metric of the track",
    ),
    "a sample that is not finite": (
        change_rows(lambda rows: set_samples(first_ok(rows), "time_us", [float("nan")] * 10)),
        "readable",
        "a sample is not finite",
    ),
    "a time below nothing": (metric("time_us", -5.0), "numbers", "must be above 0"),
    "a share of the machine beyond all": (
        metric("others_share", 1.5),
        "numbers",
        "never above 1",
    ),
    "quicker than the memory": (
        every_sample("time_us", lambda sample: sample / 1e4),
        "roofline",
        "us at least on this profile",
    ),
    "a bandwidth that no such machine has": (
        every_sample("bandwidth_gb_s", lambda sample: 100 * sample),
        "device",
        "bandwidth_gb_s is",
    ),
    "samples that are all one": (metric("time_us", 100.0), "spread", "no clock gives that"),
    "one configuration's samples for another's": (
        change_rows(copy_one_to_another),
        "spread",
        "has the very samples of",
    ),
    "disturbed all the time": (change_rows(busy), "undisturbed", "in every sample"),
    "measured tomorrow": (
        change_rows(lambda rows: None, lambda card: card.update(measured=["2100-01-01"] * 2)),
        "dates",
        "is yet to come",
    ),
    "measured before the program was there": (
        change_rows(lambda rows: None, lambda card: card.update(measured=["2020-01-01"] * 2)),
        "dates",
        "before this program existed",
    ),
    "no date": (
        change_rows(lambda rows: None, lambda card: card.pop("measured")),
        "dates",
        "'' is no date",
    ),
    "another cell's card": (
        change_rows(lambda rows: None, lambda card: card.update(cell="other")),
        "cells",
        "its cell is not the suite's",
    ),
    "simulated": (
        change_rows(lambda rows: None, lambda card: card.update(source="simulated")),
        "cells",
        "was not measured by haqa-bench",
    ),
    "no version": (
        change_rows(lambda rows: None, lambda card: card.pop("haqa_bench")),
        "versions",
        "is no version: ''",
    ),
    "a version yet to come": (
        change_json("pack.json", lambda card: card.update(haqa_bench="99.0.0")),
        "versions",
        "newer haqa-bench",
    ),
    "no build": (
        change_rows(lambda rows: [row.update(facts="{}") for row in rows]),
        "versions",
        "do not say which build measured",
    ),
    "another suite than was run": (
        change_json("suite.json", lambda told: told["seeds"].append(77)),
        "lock",
        "its lock is another",
    ),
    "a profile of another maker": (
        change_text(PROFILE, "title: AMD EPYC (Zen 4, Genoa)", "title: Intel Xeon"),
        "profile",
        "is not the profile that",
    ),
    "a profile that no machine has": (
        change_text(PROFILE, "bandwidth: {value: 27,", "bandwidth: {value: 27000,"),
        "profile",
        "which no cpu has",
    ),
    "a path": (
        change_text(PROFILE, "notes: '", "notes: 'see /home/jane/notes. "),
        "private",
        "a path of somebody's machine: /home/jane",
    ),
    "a path in a table": (
        change_rows(lambda rows: rows[0].update(facts='{"driver": "/home/jane/lib.so"}')),
        "private",
        "/home/jane",
    ),
    "a key": (
        change_text(PROFILE, "notes: '", "notes: 'sk-proj-abcdefghijklmnopqrstuvwx "),
        "private",
        "a key: sk-p...",
    ),
    "an address": (
        change_text(PROFILE, "notes: '", "notes: 'jane@example.org "),
        "private",
        "an e-mail address",
    ),
    "pairs with a broken chain": (
        change_text(PAIRS, '"pair": 0', '"pair": 9'),
        "readable",
        "the hash that ends it is another",
    ),
    "pairs whose value is another": (
        change_lines(PAIRS, lambda lines: lines[1].update(tuned=1.0)),
        "readable",
        "tuned is not what its samples give",
    ),
    "pairs on another machine": (
        change_lines(PAIRS, lambda lines: lines[0].update(machine="Intel Xeon, 64 cores")),
        "machine",
        "was measured on 'Intel Xeon, 64 cores'",
    ),
    "a model that leads elsewhere": (
        change_json("suite.json", lambda told: renamed(told, "../../../evil")),
        "cells",
        "is not its model's and machine's",
    ),
    "an LLM's recording of another run": (recorded, "cassettes", "in another run than the pack's"),
    "an LLM's recording in another's place": (
        lambda pack: recorded(pack, "haqa-s1.jsonl"),
        "cassettes",
        "is the recording of kernels/",
    ),
    "an LLM's recording with a broken chain": (
        lambda pack: (recorded(pack), change_text(RECORDING, '"round": 1', '"round": 9')(pack)),
        "readable",
        "the hash that ends it is another",
    ),
    "no table at all": (
        lambda pack: [(pack / TABLE).unlink(), (pack / PAIRS).unlink()],
        "files",
        "holds nothing that was measured",
    ),
    "a table that is none": (
        lambda pack: (pack / TABLE).write_bytes(b"PAR1"),
        "readable",
        "not a Parquet file",
    ),
    "a suite that is none": (
        lambda pack: (pack / "suite.json").write_text("{}"),
        "lock",
        "",
    ),
}
