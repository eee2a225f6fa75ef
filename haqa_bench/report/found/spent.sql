-- What each cell and method spent: medians over studies; dollars NULL where an LLM's price is unknown, the LLM's columns where there is none.
WITH spent AS (
    SELECT s.cell, s.method, s.id, s.answered_by <> '' AS agent, any_value(s.settings) AS settings,
           count(*) AS proposals, count(*) FILTER (WHERE t.repeat_of IS NULL AND t.status NOT IN ('invalid', 'cut_off', 'over_budget')) AS evaluations,
           sum(t.seconds) AS seconds, sum(t.llm_seconds) AS llm_seconds,
           sum(t.prompt_tokens) AS prompt_tokens, sum(t.completion_tokens) AS completion_tokens,
           if(count(*) FILTER (WHERE t.llm_seconds IS NOT NULL AND t.dollars IS NULL) = 0, sum(t.dollars), NULL) AS dollars
    FROM studies s JOIN trials t ON t.study = s.id GROUP BY ALL
)
SELECT cell, method, count(*) AS studies, any_value(settings) AS settings, bool_or(agent) AS agent,
       median(proposals) AS proposals, median(evaluations) AS evaluations, median(seconds) AS seconds, median(llm_seconds) AS llm_seconds,
       median(prompt_tokens) AS prompt_tokens, median(completion_tokens) AS completion_tokens, median(dollars) AS dollars
FROM spent GROUP BY cell, method ORDER BY cell, method
