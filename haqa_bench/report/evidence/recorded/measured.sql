-- Everything that every trial measured.
SELECT study, number, name, value, unit, source, samples FROM measurements ORDER BY study, number, rowid
