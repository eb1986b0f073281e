"""The Python SDK: the REST API as typed calls over HTTP; knows the errors and nothing else of the house."""
