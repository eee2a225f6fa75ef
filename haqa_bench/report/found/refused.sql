-- Cells of which nothing could be measured, and what the first of their trials says of why.
SELECT s.cell,
       any_value(t.status ORDER BY t.number, s.id) AS status,
       any_value(t.reason ORDER BY t.number, s.id) AS reason
FROM studies s JOIN trials t ON t.study = s.id
WHERE t.status NOT IN ('invalid', 'cut_off', 'over_budget')
GROUP BY s.cell HAVING bool_and(t.status <> 'ok') ORDER BY s.cell
