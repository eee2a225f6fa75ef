-- Configurations that the one study of a tuning could not measure: how many failed alike, the commonest first.
SELECT status, left(split_part(reason, chr(10), 1), 160) AS why, count(*) AS alike
FROM trials
WHERE status NOT IN ('ok', 'invalid', 'cut_off', 'over_budget') AND repeat_of IS NULL
GROUP BY ALL
ORDER BY alike DESC, min(number)
