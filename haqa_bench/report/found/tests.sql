-- Every test of what was trained anew: a metric of a configuration with a seed, and what it says of each item.
SELECT cell, configuration, is_default, seed, name, value, items, machine, failed FROM tests ORDER BY cell, configuration, seed, name
