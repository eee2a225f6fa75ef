-- One row per study: the best feasible value found, the default's, the optimum, as a score (larger is better).
SELECT s.cell, s.method, s.optimizer, s.seed, s.answered_by, s.direction, s.unit, b.score AS best, b.value AS best_value, b.configuration AS winner, s.optimum, b.rank, d.source
FROM studies s LEFT JOIN best_trials b ON b.study = s.id LEFT JOIN defaults d ON d.study = s.id
ORDER BY s.cell, s.method, s.seed
