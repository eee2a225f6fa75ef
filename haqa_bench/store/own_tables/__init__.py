"""Measurements of one's own, in the forms that people have them, as a suite and a response table.

`opened` looks what a file is, and a reader gives its columns: `delimited`, `parquet`,
`json_records`, `optuna_storage`. What a person says of them stands in `said`; `scalars` and
`failures` tell what a value of a parameter or of a metric is; `mapped` puts rows together, and
`as_suite` writes the suite. Kernel Tuner's files have a room of their own (store.kernel_tuner).
"""
