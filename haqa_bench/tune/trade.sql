-- Every configuration that the one study of a tuning measured, with all its metrics and facts.
SELECT t.number, t.configuration, t.value, t.score, t.feasible, t.facts,
       (SELECT json_group_object(m.name, m.value) FROM measurements m WHERE m.study = t.study AND m.number = t.number)::VARCHAR AS metrics
FROM trials t
WHERE t.value IS NOT NULL AND t.repeat_of IS NULL AND t.configuration <> 'null'
ORDER BY t.number
