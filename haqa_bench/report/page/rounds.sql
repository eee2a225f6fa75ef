-- Every trial with what it measured, in the order taken, and its study's curve up to it.
SELECT t.study, t.number, s.answered_by, s.optimum, t.status, t.reason, t.repeat_of, t.attempts, t.configuration, t.thought, t.facts,
       t.value, t.feasible, t.rank, t.seconds, t.llm_seconds, t.prompt_tokens, t.completion_tokens, t.dollars,
       c.evaluations, c.seconds AS spent_seconds, c.best_value AS best, c.regret,
       (SELECT list({name: m.name, value: m.value, unit: m.unit, source: m.source, n: m.used} ORDER BY m.rowid)
        FROM measurements m WHERE m.study = t.study AND m.number = t.number) AS metrics
FROM trials t JOIN studies s ON s.id = t.study JOIN curves c ON c.study = t.study AND c.number = t.number
ORDER BY t.study, t.number
