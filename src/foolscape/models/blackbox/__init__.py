"""Black boxes: models that answer with scores, label maps or boxes, and have no gradient to ask for."""
