SELECT cell, method, study, proposals, evaluations, seconds, dollars, best_value, regret FROM curves ORDER BY cell, method, study, number
