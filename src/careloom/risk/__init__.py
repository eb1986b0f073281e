"""Who is at risk of what: cohorts, features, scores, care gaps. Pure; nothing after the index time enters a feature."""
