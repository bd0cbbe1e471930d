"""One recurrence: the table of operations, the cells, the walk and its backward."""
