"""How the tables of a zone's database came to be, step by step (Alembic); run by `careloom store migrate`."""
