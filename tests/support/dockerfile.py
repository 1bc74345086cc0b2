"""Runs a Dockerfile's steps in a folder, for machines without a container engine.

Every path of the image lies below the folder. What belongs to the base image or needs root (useradd) is left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.databases import ROOT

LEFT_OUT = ("useradd",)
IMAGE_PATHS = re.compile(r"(?<![\w/.])(/opt/venv|/app)\b")


@dataclass
class Stage:
    """One `FROM ...` and what its instructions made of it."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    cmd: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def path(self, inside: str) -> Path:
        """Return where a path of the image lies."""
        return self.root / os.path.normpath(f"/{self.workdir}/{inside}" if inside[0] != "/" else inside).lstrip("/")

    def own(self, text: str) -> str:
        """Return a command or value with the image's paths replaced by those below the folder."""
        return IMAGE_PATHS.sub(lambda match: f"{self.root}{match[1]}", text)


def instructions(text: str) -> list[tuple[str, str]]:
    """Split a Dockerfile into (instruction, arguments), continuation lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def build(folder: Path) -> Stage:
    """Run all steps of the checkout's Dockerfile below `folder`; returns the final stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for name, arguments in instructions((ROOT / "Dockerfile").read_text()):
        if name == "FROM":
            label = arguments.partition(" AS ")[2] or "final"
            stage = stages[label] = Stage(folder / label)
            _base_image(stage)
        elif name == "COPY":
            _copy(stage, stages, arguments)
        elif name == "RUN":
            _run(stage, arguments)
        else:
            _set(stage, name, arguments)
    return stage


def _set(stage: Stage, name: str, arguments: str) -> None:
    """Carry out an instruction that only describes the image."""
    if name == "ENV":
        stage.env |= dict(pair.split("=", 1) for pair in arguments.split())
    elif name == "WORKDIR":
        stage.workdir = arguments
        stage.path(".").mkdir(parents=True, exist_ok=True)
    elif name == "USER":
        stage.user = arguments
    elif name == "CMD":
        stage.cmd = json.loads(arguments)
    elif name == "HEALTHCHECK":
        stage.healthcheck = json.loads(arguments.partition("CMD ")[2])
    else:
        assert name == "EXPOSE", f"the Dockerfile has an instruction that is not known here: {name}"


def environment(stage: Stage) -> dict[str, str]:
    """Return the environment of a process in the image."""
    system = f"{stage.root}/usr/local/bin:/usr/bin:/bin"
    given = {key: stage.own(value).replace("$PATH", system) for key, value in stage.env.items()}
    return {"PATH": system, "HOME": str(stage.root), **given}


def _base_image(stage: Stage) -> None:
    """Give the stage what python:slim has: a `python` on PATH."""
    programs = stage.root / "usr/local/bin"
    programs.mkdir(parents=True)
    interpreter = Path(sys.executable).resolve()
    (programs / "python").write_text(f'#!/bin/sh\nexec {interpreter} "$@"\n')
    (programs / "python").chmod(0o755)


def _run(stage: Stage, command: str) -> None:
    if command.split()[0] in LEFT_OUT:
        return
    # How this machine reaches the package index is not the Dockerfile's business: that stays as it is.
    machine = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    image = environment(stage) | {"HOME": os.environ.get("HOME", "/")}
    # A layer of an image should not hold what was downloaded; this machine has just kept it, and need not ask again.
    image.pop("PIP_NO_CACHE_DIR", None)
    result = subprocess.run(
        ["/bin/sh", "-ec", stage.own(command)],
        cwd=stage.path("."),
        env=machine | image,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"RUN {command} failed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}"


def _copy(stage: Stage, stages: dict[str, Stage], arguments: str) -> None:
    *sources, target = arguments.split()
    if sources[0].startswith("--from="):
        source_stage = stages[sources.pop(0).removeprefix("--from=")]
        shutil.copytree(source_stage.path(sources[0]), stage.path(target), symlinks=True)
        # A container has one root; here each stage has its own, and scripts name their interpreter by full path.
        for script in (stage.path(target) / "bin").iterdir():
            if script.is_file() and not script.is_symlink() and script.read_bytes()[:2] == b"#!":
                script.write_text(script.read_text().replace(str(source_stage.root), str(stage.root)))
        return
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in sources:
        assert source in allowed, f".dockerignore keeps {source} out of the image"
        destination = stage.path(target) / Path(source).name if target.endswith("/") else stage.path(target)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, destination)
