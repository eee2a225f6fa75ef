-- What methods proposed that state one configuration, and what became of it.
SELECT s.cell, s.method, t.status
FROM studies s JOIN trials t ON t.study = s.id
WHERE s.optimizer = 'fixed' AND t.number = 1
ORDER BY s.cell, s.method, s.seed
