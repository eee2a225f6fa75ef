-- Where each agent's studies went.
SELECT s.cell, s.method, s.seed, t.number, t.configuration, t.feasible
FROM studies s JOIN trials t ON t.study = s.id
WHERE s.answered_by <> ''
ORDER BY s.cell, s.method, s.seed, t.number
