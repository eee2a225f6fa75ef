-- Every trial of a run, in order.
SELECT study, number, status, reason, repeat_of, configuration, thought, facts, score, scores, feasible, rank, seconds,
       llm_seconds, prompt_tokens, completion_tokens, dollars
FROM trials ORDER BY study, number
