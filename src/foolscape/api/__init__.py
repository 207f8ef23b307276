"""What a researcher calls from Python: tensors in, tensors out, no files. `foolscape` has these names itself."""
