"""What is drawn: images, boxes, clips, curves."""
