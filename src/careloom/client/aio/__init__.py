"""The Python SDK for programs that run on asyncio; all but the wire is written by ``tools/make_async_client.py``."""
