"""What every method is made of: parameters, inputs, columns, the method itself, and numeric helpers."""
