"""What can be done to a dataset beside running a method, one file for each job.

Actions: check_dataset, import_images, export_embeddings, evaluate_predictions, retag, export_report, mark, relabel,
undo, save_slice, export_list, import_list, forget_run, rerun, move_threshold, run_recipe, export_recipe.
"""
