"""The command line: translates arguments into services and reports into text. Decides nothing."""
