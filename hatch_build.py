"""Builds GraphiQL's page into the wheel, where npm is present; without it the small page serves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildUi(BuildHookInterface):  # type: ignore[type-arg] # hatchling names no useful parameter
    """Runs `npm ci` and `npm run build` in `ui/`, unless the page is built already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Called before the files are gathered; an editable install needs no page."""
        ui = Path(self.root, "ui")
        page = Path(self.root, "gateway/transport/static/graphiql/index.html")
        if version == "editable" or page.exists() or not ui.exists():
            return
        npm = shutil.which("npm")
        if npm is None:
            self.app.display_warning("npm is absent: the wheel carries the small page only")
            return
        for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([npm, *command], cwd=ui, check=True)  # noqa: S603 - npm found on PATH
