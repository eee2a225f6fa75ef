-- One row per study that proposed anything beside the default: its configurations in their order, NULL for what was none.
SELECT s.cell, s.method, s.seed, s.answered_by,
       list(nullif(t.configuration, 'null') ORDER BY t.number) AS configurations
FROM studies s JOIN trials t ON t.study = s.id
WHERE t.number > 0
GROUP BY s.cell, s.method, s.seed, s.answered_by
ORDER BY s.cell, s.method, s.seed
