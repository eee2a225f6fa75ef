-- Configurations that llama.cpp took, and did not do as they ask: how many of a cell, by status, and why the first was.
SELECT s.cell, t.status, count(DISTINCT t.configuration) AS configurations,
       any_value(left(split_part(t.reason, chr(10), 1), 160) ORDER BY t.configuration) AS reason
FROM studies s JOIN trials t ON t.study = s.id
WHERE t.status IN ('fewer_layers', 'spilled', 'setting_ignored')
GROUP BY s.cell, t.status ORDER BY s.cell, t.status
