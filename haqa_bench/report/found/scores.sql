-- The scores of every feasible trial of the cells that have several goals.
SELECT s.cell, s.method, s.id AS study, s.front, t.configuration, t.scores FROM studies s JOIN trials t ON t.study = s.id
WHERE s.goals > 1 AND t.feasible AND t.scores IS NOT NULL ORDER BY s.cell, s.method, s.id, t.number
