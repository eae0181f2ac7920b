"""Makes ``counting`` and the other helpers importable from the folders below, whichever of them is run alone."""
