-- Every trial that was evaluated, with what it says of its training, and whether it is its study's best.
SELECT s.cell, s.method, s.seed, t.number, t.status, t.score, t.facts, b.number IS NOT NULL AS best
FROM trials t JOIN studies s ON s.id = t.study LEFT JOIN best_trials b ON b.study = t.study AND b.number = t.number
WHERE t.repeat_of IS NULL ORDER BY s.cell, s.method, s.seed, t.number
