"""HTTP in, service, HTTP out: translates requests, answers and errors, and decides nothing."""
