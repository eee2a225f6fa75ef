-- Each study's answer on cells that decide under limits: its last proposal, the default where it made none; and what the default's trial tells.
SELECT s.cell, s.method, s.answered_by, z.facts, t.configuration AS choices, t.status
FROM studies s
JOIN trials z ON z.study = s.id AND z.number = 0
JOIN trials t ON t.study = s.id
WHERE list_contains(?, s.cell)
QUALIFY row_number() OVER (PARTITION BY s.id ORDER BY t.number DESC) = 1
ORDER BY s.cell, s.optimizer <> 'default', s.optimizer <> 'random', s.method, s.seed
