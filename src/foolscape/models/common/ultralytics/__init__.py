"""What the adapters of ultralytics' networks share: the library itself, networks in its files, its letterbox."""
