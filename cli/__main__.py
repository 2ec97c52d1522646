"""`python -m image_curation.cli`."""

from .main import main

raise SystemExit(main())
