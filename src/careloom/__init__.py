"""Careloom: a hospital's raw feeds become research-ready, privacy-preserving, AI-usable data."""

__version__ = "0.1.0"
