"""Importing this module registers rexd's RED in DI-engine: ``import_names=['rexd.ding.installed']`` in a config."""

from rexd.ding.install import install

install()
