"""Importing this installs rexd's RED in DI-engine: ``import_names=['rexd.ding.installed']`` in its configs."""

from rexd.ding.install import install

install()
