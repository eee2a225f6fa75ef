-- Every pair, as how many times as good as the default the other side was; without numbers, and with the reason, where a side failed.
SELECT p.cell, p.configuration, p.is_default, p.machine,
       CASE WHEN p.worse <> 0 THEN p.better / p.worse WHEN p.better <> 0 THEN 'infinity'::DOUBLE END AS ratio,
       p.tuned_value AS value, p.others, p.failed
FROM (SELECT p.*, if(s.direction = 'maximize', tuned_value, default_value) AS better,
             if(s.direction = 'maximize', default_value, tuned_value) AS worse
      FROM pairs p JOIN (SELECT DISTINCT cell, direction FROM studies) s ON s.cell = p.cell) p
ORDER BY p.cell, p.configuration, p.pair
