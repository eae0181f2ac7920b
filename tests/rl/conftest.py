"""Makes ``counting`` importable from the folders below, whichever of them is run alone."""
