-- What each study had spent, and had found, after each of its trials.
SELECT cell, method, study, proposals, evaluations, seconds, dollars, best_value AS best, regret FROM curves ORDER BY cell, method, study, number
