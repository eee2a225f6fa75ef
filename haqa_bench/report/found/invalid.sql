-- Of each method with invalid proposals: how many, and the commonest reason (the default is no proposal).
WITH proposed AS (
    SELECT s.method, s.cell, t.status = 'invalid' AS wrong, left(split_part(t.reason, chr(10), 1), 160) AS why
    FROM trials t JOIN studies s ON s.id = t.study WHERE t.number > 0
),
commonest AS (
    SELECT method, why, count(*) AS alike FROM proposed WHERE wrong GROUP BY method, why
    QUALIFY row_number() OVER (PARTITION BY method ORDER BY alike DESC, why) = 1
)
SELECT p.method, list(DISTINCT p.cell ORDER BY p.cell) AS cells, count(*) AS proposed,
       count(*) FILTER (WHERE p.wrong) AS invalid, any_value(c.why) AS reason, any_value(c.alike) AS alike
FROM proposed p JOIN commonest c ON c.method = p.method
GROUP BY p.method ORDER BY p.method
