"""What anyone may ask for, one file for each noun. The Python API, the command line and the servers stand on it."""
