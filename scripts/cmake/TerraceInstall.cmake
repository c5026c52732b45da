# Filled in by the folders: each installs its own headers, libraries and pkg-config file.
