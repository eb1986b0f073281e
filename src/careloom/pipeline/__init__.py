"""How stages meet: batches, stages, pipelines, runner, registry. Knows no clinical meaning."""
