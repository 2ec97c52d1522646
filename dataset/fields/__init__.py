"""Fields, saved views and the sidebar: the names under which results stand in a dataset."""
