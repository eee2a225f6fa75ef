-- What was measured, once for each configuration, with its facts and its perplexity, of cells whose facts tell of a file of weights.
SELECT DISTINCT s.cell, t.configuration, t.facts, m.value AS perplexity
FROM studies s JOIN trials t ON t.study = s.id
LEFT JOIN measurements m ON m.study = t.study AND m.number = t.number AND m.name = 'perplexity'
WHERE t.status = 'ok' AND contains(t.facts, 'bits_per_weight')
ORDER BY ALL
