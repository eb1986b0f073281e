"""Codes and units as the standards print them: systems, canonical URIs, lookups. Judges no patient."""
