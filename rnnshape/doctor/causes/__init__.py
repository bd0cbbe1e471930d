"""Why something fails, or goes wrong in silence: one file a family, one table of all causes."""
