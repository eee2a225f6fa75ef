-- What each study proposed, trial by trial.
SELECT study, configuration FROM trials ORDER BY study, number
