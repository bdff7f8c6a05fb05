"""How the machine and the program are: readings, their history, alerts, a score, checks, and what a bug report needs.

Nothing here knows the window; nothing here keeps more than a bounded amount of memory or disk.
"""
