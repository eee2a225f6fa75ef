-- What was measured, once for each configuration, of cells whose bit-width is a decision.
SELECT DISTINCT s.cell, t.configuration, t.facts, t.value
FROM studies s JOIN trials t ON t.study = s.id
WHERE list_contains(?, s.cell) AND t.value IS NOT NULL
ORDER BY ALL
