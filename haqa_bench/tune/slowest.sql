-- The most that a repeat had of each metric, by configuration of the one study of a tuning.
SELECT number, name, coalesce(list_max(samples), value) AS most FROM measurements
