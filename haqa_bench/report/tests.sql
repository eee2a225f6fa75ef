-- Every test of what was trained anew: a metric of a configuration with a seed, and what it says of each item.
SELECT cell, configuration, is_default, seed, name, value, items, machine FROM tests WHERE failed = '' ORDER BY cell, configuration, seed, name
