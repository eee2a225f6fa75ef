-- What was measured, once for each configuration, of cells whose bit-width is a decision.
SELECT DISTINCT s.cell, t.configuration, t.facts, t.value
FROM studies s JOIN trials t ON t.study = s.id
WHERE s.track = 'deploy' AND s.bit_width = 'any' AND t.value IS NOT NULL
ORDER BY ALL
