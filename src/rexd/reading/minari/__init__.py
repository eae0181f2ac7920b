"""What Minari keeps on disk: spaces, the data of all episodes in one of three storages, and writing them."""
