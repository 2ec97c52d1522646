"""Libraries that do the heavy lifting, each imported on first use and each failing with the line that installs it."""
