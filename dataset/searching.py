"""Where databases and model zoos of users find Curator's similarity search: this module's name never changes.

FiftyOne keeps the class of an index by that name. The App loads this package under another name, so the module answers
to the one that was kept too.
"""

import sys

from .outputs.similarity_index import Prompts as Prompts
from .outputs.similarity_index import StoredVectors as StoredVectors

sys.modules.setdefault("image_curation.dataset.searching", sys.modules[__name__])
