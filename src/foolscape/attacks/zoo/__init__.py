"""The attacks, one file each: every module here that registers one is found by being here."""

import importlib
import pkgutil


def load() -> None:
    """Import them all, which enters them into the registry."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
