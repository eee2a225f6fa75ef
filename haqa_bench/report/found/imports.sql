-- What trials tell of the file that their numbers were imported from, by cell.
SELECT DISTINCT s.cell, t.facts FROM studies s JOIN trials t ON t.study = s.id
WHERE contains(t.facts, '"imported_sha256"') ORDER BY ALL
