"""A YAML text becomes a Config: strict, complete, with a digest that names the run."""

from gradflow.config.keys import override_key
from gradflow.config.load import config_from_plain, load_config, parse_config
from gradflow.config.schema import Config

__all__ = ["Config", "config_from_plain", "load_config", "override_key", "parse_config"]
