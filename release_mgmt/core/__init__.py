"""The functional core: values in, values out.

Nothing here does input or output, reads a clock or keeps state. The modules stand in the order of a tag's journey
(``docs/architecture.md``), and each imports only those before it (the contract ``journey`` in ``pyproject.toml``).
"""
