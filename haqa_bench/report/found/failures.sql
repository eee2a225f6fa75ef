-- Studies that a fault ended before their budget was spent.
SELECT study, cell, method, what FROM failures ORDER BY method, study
