"""Packs: what one machine measured, as it is given to a project by somebody else.

A pack is a folder, or an archive of one (.tar.gz), with the same bytes for the same content:

    MANIFEST.sha256                  the hash of every other file but the form
    FORM.yaml                        filled in by hand: who, which licence, what else ran
    pack.json                        what measured it: run, lock, versions
    suite.json                       the resolved suite that was measured
    hardware/NAME.yaml               the machine
    results/tables/TRACK/CELL.parquet, results/confirmed/TRACK/CELL.jsonl
    journal/CELL/METHOD-sSEED.jsonl  the trials of a live run
    cassettes/SUITE/CELL/...         what an LLM answered in it

It is data: nothing in it is run, and no file of it is read before its size and place are known.
"""
