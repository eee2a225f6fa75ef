"""Response tables in Kernel Tuner's two forms: its cache file, on which its strategies run in
simulation mode, and T4, the format of autotuning results that several tuners share (schema 1.0.0).

`exported` writes both. `opened` reads a file, `cache` and `t4` say what of it belongs to a
configuration, and `imported` makes a response table's rows of that, in the units of a cell.
"""
