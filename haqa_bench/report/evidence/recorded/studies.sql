-- Every study of a run, by cell and method.
SELECT id, cell, method, optimizer, seed, answered_by, machine, metric, unit, direction, settings, optimum
FROM studies ORDER BY cell, method, seed
