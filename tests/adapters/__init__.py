"""The adapters of `examples/adapters`, tried on stand-ins: the libraries themselves are not installed here."""
