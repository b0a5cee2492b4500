"""`python -m docs.site [FOLDER]`: builds the site into FOLDER, `site/` unless another is named."""

import sys
from pathlib import Path

from docs.site.build import ROOT, build

if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site"))
