"""The functional core: values in, values out.

Nothing here does input or output, reads a clock or keeps state. Modules stand in the order of
the journey of a tag (errors, versions, history, changes, evidence, classification, windows,
planning, gate, approvals, changelog, calendar, pipeline, metrics); each may import only those before it.
"""
