-- The samples of each configuration that was measured, with what the device gave at most just before each.
SELECT s.cell, t.configuration, any_value(v.samples) AS times, any_value(b.samples) AS bandwidths, any_value(p.samples) AS peaks
FROM studies s JOIN trials t ON t.study = s.id
JOIN measurements v ON v.study = t.study AND v.number = t.number AND v.name = s.metric
JOIN measurements b ON b.study = t.study AND b.number = t.number AND b.name = 'bandwidth_gb_s'
JOIN measurements p ON p.study = t.study AND p.number = t.number AND p.name = 'peak_gflops'
GROUP BY s.cell, t.configuration ORDER BY s.cell, t.configuration
