"""Networks that were exported: from a file of ONNX, TorchScript or torch.export to a module of PyTorch."""
