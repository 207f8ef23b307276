"""Files elsewhere than in folders of this machine: in stores with an address (`s3://`, `gs://`, `hf://`), in archives.

`path.place_of` makes paths of what people write; such a path answers as a `pathlib.Path` does, so that readers need not
know of stores. A store is listed once below each place that is named, and a file is fetched when it is first opened,
into a folder with a bound.
"""
