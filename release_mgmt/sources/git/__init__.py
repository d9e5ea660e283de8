"""Reading git. The only place of the product that runs git; a test keeps it so.

How the rest of the product uses it::

    repository = open_repository("path/to/checkout/or/bare.git")     # RepositoryRefused says how to mend it
    refs = repository.refs()                                         # one `for-each-ref`
    for commit in repository.log([tag.commit for tag in refs.tags if tag.commit], files=True):
        ...                                                          # one `git log`, streamed
    with repository.blobs() as blobs:                                # one `cat-file`, asked and answered
        data = blobs.read(commit.files[0].new_blob)                  # bytes, or None when the blob is missing
    for blob_id, data in repository.read_blobs(ids):                 # one `cat-file`, streamed
        ...
    repository.tree(sha)                                             # every file of a tree
    repository.resolve("v1.2")                                       # text from outside -> full sha, safely

Every process runs in the hardened environment of :mod:`release_mgmt.sources.git.process`, under a time limit, with no
text from outside where git could take it for an option.
"""

from release_mgmt.sources.git.blobs import BlobReader, MissingBlob
from release_mgmt.sources.git.repository import Head, Refs, Repository, TagRef, TreeEntry, open_repository

__all__ = ["BlobReader", "Head", "MissingBlob", "Refs", "Repository", "TagRef", "TreeEntry", "open_repository"]
