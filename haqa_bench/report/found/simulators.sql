-- What trials tell of the surrogate that simulated them, by cell.
SELECT DISTINCT s.cell, t.facts FROM studies s JOIN trials t ON t.study = s.id
WHERE contains(t.facts, '"surrogate"') ORDER BY ALL
