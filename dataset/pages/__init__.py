"""Reports as single HTML files to hand on."""
