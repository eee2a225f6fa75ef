CREATE TABLE studies (
    id VARCHAR PRIMARY KEY, suite VARCHAR, cell VARCHAR, track VARCHAR, model VARCHAR, bit_width VARCHAR, hardware VARCHAR,
    method VARCHAR, optimizer VARCHAR, seed BIGINT, answered_by VARCHAR, optimum DOUBLE, lock VARCHAR, metric VARCHAR, unit VARCHAR, direction VARCHAR
);
CREATE TABLE trials (
    study VARCHAR, number BIGINT, status VARCHAR, reason VARCHAR, repeat_of BIGINT, attempts BIGINT, configuration VARCHAR,
    thought VARCHAR, facts VARCHAR, value DOUBLE, score DOUBLE, feasible BOOLEAN, PRIMARY KEY (study, number)
);
CREATE TABLE measurements (
    study VARCHAR, number BIGINT, name VARCHAR, value DOUBLE, unit VARCHAR, source VARCHAR, samples DOUBLE[], used BIGINT,
    PRIMARY KEY (study, number, name)
);

-- The best feasible trial of each study; the earliest among equals.
CREATE VIEW best_trials AS
SELECT * FROM trials WHERE feasible
QUALIFY row_number() OVER (PARTITION BY study ORDER BY score DESC, number) = 1;

-- The default configuration of each study, with where its number came from.
CREATE VIEW defaults AS
SELECT t.study, t.value, m.source, m.used AS samples
FROM trials t JOIN studies s ON s.id = t.study
LEFT JOIN measurements m ON m.study = t.study AND m.number = t.number AND m.name = s.metric
WHERE t.number = 0;

-- What became of the proposals of each study, the default apart.
CREATE VIEW proposals AS
SELECT study,
       count(*) AS proposed,
       count(*) FILTER (WHERE status = 'invalid') AS invalid,
       count(*) FILTER (WHERE status NOT IN ('ok', 'invalid') AND repeat_of IS NULL) AS failed,
       count(*) FILTER (WHERE repeat_of IS NOT NULL) AS repeated
FROM trials WHERE number > 0 GROUP BY study;
