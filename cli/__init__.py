"""The command line: a folder of images is checked with no App and no database; results are tables and reports."""
