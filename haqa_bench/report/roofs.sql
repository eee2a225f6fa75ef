-- What the device gave at most while the cell's configurations were measured: medians over the readings of all its distinct trials.
WITH readings AS (
    SELECT DISTINCT s.cell, t.configuration, m.name, m.samples
    FROM measurements m JOIN studies s ON s.id = m.study JOIN trials t ON t.study = m.study AND t.number = m.number
    WHERE m.name IN ('bandwidth_gb_s', 'peak_gflops')
),
samples AS (SELECT cell, name, unnest(samples) AS sample FROM readings)
SELECT cell, median(sample) FILTER (WHERE name = 'bandwidth_gb_s'), median(sample) FILTER (WHERE name = 'peak_gflops'),
       count(*) FILTER (WHERE name = 'bandwidth_gb_s')
FROM samples GROUP BY cell ORDER BY cell
