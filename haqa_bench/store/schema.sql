-- What the database was made for, by hash.
CREATE TABLE made_of (file VARCHAR PRIMARY KEY, sha256 VARCHAR);
-- `front`: points and worst scores of the whole space, as JSON, where several goals were replayed; `samples`: of each format's best.
CREATE TABLE studies (
    id VARCHAR PRIMARY KEY, suite VARCHAR, cell VARCHAR, track VARCHAR, model VARCHAR, bit_width VARCHAR, hardware VARCHAR,
    method VARCHAR, optimizer VARCHAR, settings VARCHAR, seed BIGINT, answered_by VARCHAR, machine VARCHAR, optimum DOUBLE, front VARCHAR, samples VARCHAR,
    lock VARCHAR,
    metric VARCHAR, unit VARCHAR, direction VARCHAR, goals BIGINT
);
CREATE TABLE trials (
    study VARCHAR, number BIGINT, status VARCHAR, reason VARCHAR, repeat_of BIGINT, attempts BIGINT, configuration VARCHAR,
    thought VARCHAR, facts VARCHAR, value DOUBLE, score DOUBLE, scores DOUBLE[], feasible BOOLEAN, rank BIGINT,
    seconds DOUBLE, llm_seconds DOUBLE, prompt_tokens BIGINT, completion_tokens BIGINT, dollars DOUBLE, PRIMARY KEY (study, number)
);
CREATE TABLE measurements (
    study VARCHAR, number BIGINT, name VARCHAR, value DOUBLE, unit VARCHAR, source VARCHAR, samples DOUBLE[], used BIGINT,
    PRIMARY KEY (study, number, name)
);
-- Winners, and the default itself, measured again beside the default (docs/measurement.md). `others`: the largest share that others took.
CREATE TABLE pairs (
    cell VARCHAR, configuration VARCHAR, pair BIGINT, is_default BOOLEAN, machine VARCHAR, default_value DOUBLE, tuned_value DOUBLE,
    others DOUBLE, failed VARCHAR, PRIMARY KEY (cell, configuration, pair)
);
-- Winners of tracks that train, the default and the references, trained anew and tested (docs/training.md). `items`: of each, 0 or 1.
CREATE TABLE tests (
    cell VARCHAR, configuration VARCHAR, seed BIGINT, is_default BOOLEAN, machine VARCHAR, name VARCHAR, value DOUBLE, unit VARCHAR,
    items VARCHAR, failed VARCHAR, PRIMARY KEY (cell, configuration, seed, name)
);
-- Studies that a fault ended before their budget was spent: no other table tells of them (docs/plugins.md).
CREATE TABLE failures (study VARCHAR PRIMARY KEY, cell VARCHAR, method VARCHAR, what VARCHAR);

-- The trials that a study is judged by: all of them; of what a suite states (the optimizer `fixed`), that one alone, however good the default is.
CREATE VIEW judged_trials AS
SELECT t.* FROM trials t JOIN studies s ON s.id = t.study
WHERE s.optimizer <> 'fixed' OR t.number > 0 OR NOT EXISTS (SELECT 1 FROM trials o WHERE o.study = t.study AND o.number > 0);

-- The best feasible trial of each study; the earliest among equals.
CREATE VIEW best_trials AS
SELECT * FROM judged_trials WHERE feasible
QUALIFY row_number() OVER (PARTITION BY study ORDER BY score DESC, number) = 1;

-- The default configuration of each study, with where its number came from; where it failed, where those of the study's other trials did.
CREATE VIEW defaults AS
SELECT t.study, t.value,
       coalesce(m.source, (SELECT min(o.source) FROM measurements o WHERE o.study = t.study AND o.name = s.metric)) AS source,
       m.used AS samples
FROM trials t JOIN studies s ON s.id = t.study
LEFT JOIN measurements m ON m.study = t.study AND m.number = t.number AND m.name = s.metric
WHERE t.number = 0;

-- What became of the proposals of each study, the default apart.
CREATE VIEW proposals AS
SELECT study,
       count(*) AS proposed,
       count(*) FILTER (WHERE status = 'invalid') AS invalid,
       count(*) FILTER (WHERE status NOT IN ('ok', 'invalid', 'cut_off', 'over_budget') AND repeat_of IS NULL) AS failed,
       count(*) FILTER (WHERE repeat_of IS NOT NULL) AS repeated,
       count(*) FILTER (WHERE status = 'cut_off') AS cut_off
FROM trials WHERE number > 0 GROUP BY study;

-- Each study's ledgers and best value after each trial, of the trials that it is judged by: NULL before the first of them. Regret is a share of the optimum, NULL where that is not above 0. Dollars are NULL as long as an LLM's price is unknown.
CREATE VIEW curves AS
SELECT s.cell, s.method, s.seed, t.study, t.number,
       t.number + 1 AS proposals,
       count(*) FILTER (WHERE t.repeat_of IS NULL AND t.status NOT IN ('invalid', 'cut_off', 'over_budget')) OVER so_far AS evaluations,
       sum(coalesce(t.seconds, 0) + coalesce(t.llm_seconds, 0)) OVER so_far AS seconds,
       CASE WHEN s.answered_by = '' THEN 0
            WHEN count(*) FILTER (WHERE t.llm_seconds IS NOT NULL AND t.dollars IS NULL) OVER so_far = 0
            THEN sum(coalesce(t.dollars, 0)) OVER so_far END AS dollars,
       max(j.score) FILTER (WHERE j.feasible) OVER so_far AS best_score,
       if(s.direction = 'maximize', 1, -1) * best_score AS best_value,
       CASE WHEN s.optimum > 0 THEN abs(s.optimum - best_value) / s.optimum END AS regret,
       t.rank
FROM trials t JOIN studies s ON s.id = t.study LEFT JOIN judged_trials j ON j.study = t.study AND j.number = t.number
WINDOW so_far AS (PARTITION BY t.study ORDER BY t.number);
