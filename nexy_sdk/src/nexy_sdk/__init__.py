"""Writes new plugin projects: what `nexy plugins new` runs."""

from nexy_sdk.project import LICENSES, ROLES, Project, write_project

__all__ = ["LICENSES", "ROLES", "Project", "write_project"]
