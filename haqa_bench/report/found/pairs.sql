-- Every pair that was measured, as how many times as good as the default the other side was.
SELECT p.cell, p.configuration, p.is_default, p.machine,
       CASE WHEN p.worse <> 0 THEN p.better / p.worse WHEN p.better <> 0 THEN 'infinity'::DOUBLE END AS ratio,
       p.tuned_value AS value, p.others
FROM (SELECT p.*, if(s.direction = 'maximize', tuned_value, default_value) AS better,
             if(s.direction = 'maximize', default_value, tuned_value) AS worse
      FROM pairs p JOIN (SELECT DISTINCT cell, direction FROM studies) s ON s.cell = p.cell) p
WHERE p.failed = ''
ORDER BY p.cell, p.configuration, p.pair
