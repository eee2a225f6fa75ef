-- Every configuration that a study measured, the default first, with what it gave, and whether that is the study's best.
SELECT s.cell, s.method, s.seed, t.number, t.configuration, t.value, b.number IS NOT NULL AS best
FROM trials t JOIN studies s ON s.id = t.study
LEFT JOIN best_trials b ON b.study = t.study AND b.number = t.number
WHERE t.value IS NOT NULL AND t.configuration <> 'null' AND t.repeat_of IS NULL
ORDER BY s.cell, s.method, s.seed, t.number
