-- Every pair that was measured, as how many times as good as the default the other side was.
SELECT p.cell, p.configuration, p.is_default, p.machine,
       if(s.direction = 'maximize', p.tuned_value / p.default_value, p.default_value / p.tuned_value) AS ratio,
       p.tuned_value AS value, p.others
FROM pairs p JOIN (SELECT DISTINCT cell, direction FROM studies) s ON s.cell = p.cell
WHERE p.failed = ''
ORDER BY p.cell, p.configuration, p.pair
