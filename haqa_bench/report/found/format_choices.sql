-- Each study on replayed cells whose bit-width is a decision: its best configuration, and its first proposal, made before any measurement but the default's.
SELECT s.cell, s.method, s.optimizer, s.answered_by, s.samples, s.optimum, b.configuration AS best, b.value,
       f.configuration AS first, m.source
FROM studies s
LEFT JOIN best_trials b ON b.study = s.id
LEFT JOIN trials f ON f.study = s.id AND f.number = 1
LEFT JOIN measurements m ON m.study = s.id AND m.number = 0 AND m.name = s.metric
WHERE list_contains(?, s.cell) AND s.samples <> '{}'
ORDER BY s.model, s.hardware, s.optimizer <> 'default', s.optimizer <> 'random', s.method, s.seed
