"""Object detectors as they are: from a user's file, torchvision or transformers to a `Detector`."""
