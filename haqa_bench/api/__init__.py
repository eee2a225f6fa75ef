"""Python's door: suites, cells, response tables, studies and comparisons, as data frames.

`import haqa_bench as hb` has every name (docs/python.md). What is computed here is what the command
line computes of the same studies, by the same code; a study leaves no folder behind.
"""
