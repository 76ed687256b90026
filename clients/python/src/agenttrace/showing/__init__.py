"""What the command line and the web console share: how runs are found, ordered and spelt for people."""
