"""The benchmark is a package of the repository, not of the distribution: it is found from the repository's root."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
