"""What ultralytics' own loader reads of YOLO trees: `python ultralytics_boxes.py data.yaml detect ..`, as JSON.

A program of its own, as the package writes settings when it is imported, and a cache beside the label files.
"""

import json
import sys
from pathlib import Path

from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset

trees = []
for file, task in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    data = check_det_dataset(file, autodownload=False)
    found = {}
    for label in YOLODataset(img_path=data["val"], data=data, task=task, augment=False, imgsz=64).labels:
        height, width = label["shape"]
        x, y, w, h = label["bboxes"].astype(float).T * [[width], [height], [width], [height]]
        corners = zip(x - w / 2, y - h / 2, x + w / 2, y + h / 2, strict=True)
        found[Path(label["im_file"]).stem] = [[int(c), *box] for (c,), box in zip(label["cls"], corners, strict=True)]
    trees.append({"names": list(data["names"].values()), "boxes": found})
print(json.dumps(trees))
