"""What happened: the schema of a record history, and the only code that reads or writes one."""
