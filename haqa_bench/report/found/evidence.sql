-- Each study of a cell: its best trial, and the samples that the best value was estimated from.
SELECT s.id AS study, s.suite, s.method, s.seed, s.answered_by, s.machine, s.optimum, s.metric, s.unit,
       b.number AS trial, b.configuration, b.thought, b.facts, b.rank, m.value, m.source, m.samples, m.used AS estimated_from,
       (SELECT count(*) FROM trials t WHERE t.study = s.id) AS trials
FROM studies s
LEFT JOIN best_trials b ON b.study = s.id
LEFT JOIN measurements m ON m.study = s.id AND m.number = b.number AND m.name = s.metric
WHERE s.cell = ?
ORDER BY s.method, s.seed
