-- One row per cell and method: the best of each study, its median and range over studies, and the speed-up over the same study's default.
SELECT s.track, s.cell, s.model, s.bit_width, s.hardware, s.method, s.optimizer, s.metric, s.unit, s.direction,
       count(*) AS studies,
       median(d.value) AS default_value,
       any_value(d.samples ORDER BY s.seed) AS default_samples,
       median(b.value) AS best, if(s.direction = 'maximize', min(b.value), max(b.value)) AS worst_study,
       if(s.direction = 'maximize', max(b.value), min(b.value)) AS best_study,
       median(CASE WHEN b.value > 0 AND d.value > 0 THEN if(s.direction = 'maximize', b.value / d.value, d.value / b.value) END) AS speed_up,
       median(CASE WHEN b.value > 0 AND s.optimum > 0 THEN if(s.direction = 'maximize', b.value / s.optimum, s.optimum / b.value) END) AS of_optimum,
       string_agg(DISTINCT d.source, ', ' ORDER BY d.source) AS source,
       string_agg(DISTINCT s.answered_by, '; ' ORDER BY s.answered_by) AS answered_by,
       coalesce(sum(p.proposed), 0)::BIGINT AS proposed, coalesce(sum(p.invalid), 0)::BIGINT AS invalid,
       coalesce(sum(p.failed), 0)::BIGINT AS failed, coalesce(sum(p.repeated), 0)::BIGINT AS repeated,
       coalesce(sum(p.cut_off), 0)::BIGINT AS cut_off,
       any_value(s.optimum) AS optimum, any_value(s.samples) AS samples, any_value(s.machine) AS machine, coalesce(list(b.configuration ORDER BY s.seed) FILTER (WHERE b.configuration IS NOT NULL), []) AS winners,
       any_value(z.configuration) AS default_configuration
FROM studies s
LEFT JOIN defaults d ON d.study = s.id
LEFT JOIN best_trials b ON b.study = s.id
LEFT JOIN proposals p ON p.study = s.id
LEFT JOIN trials z ON z.study = s.id AND z.number = 0
GROUP BY s.track, s.cell, s.model, s.bit_width, s.hardware, s.method, s.optimizer, s.metric, s.unit, s.direction
ORDER BY s.track, s.model, s.bit_width, s.hardware, s.cell, s.optimizer <> 'default', s.optimizer <> 'random', s.method
