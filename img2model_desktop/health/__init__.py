"""How the machine and the program are: readings, thresholds, one score with its reasons, reports."""
