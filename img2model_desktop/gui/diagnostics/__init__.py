"""How the machine and the program are: readings, plots, alerts, reports."""
