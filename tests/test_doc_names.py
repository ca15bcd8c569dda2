"""Commands that need Docker, Kubernetes, a download or hours name options, files and targets that exist."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest
import yaml

from tests.conftest import ROOT
from tests.support.documents import Shown, commands_of_kind, names, read


def test_make_commands_exist() -> None:
    """Each is run by people and by CI; these tests are part of one of them."""
    targets = re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE)
    for document in names():
        for command in re.findall(r"(?:^|`)make ([a-z-]+)", read(document), re.MULTILINE):
            assert command in targets, f"{document}: make {command}"


@pytest.mark.parametrize("command", commands_of_kind("tests"), ids=str)
def test_command_of_a_developer_names_files_that_exist(command: Shown) -> None:
    for word in command.text.split():
        if word.startswith("tests/"):
            assert (ROOT / word).is_file()
        if word.startswith("tests."):
            assert (ROOT / word.replace(".", "/")).with_suffix(".py").is_file()


@pytest.mark.parametrize("command", commands_of_kind("pip"), ids=str)
def test_installation_names_files_that_exist(command: Shown) -> None:
    """Installing downloads; the locks themselves are tested in test_project.py."""
    for file in re.findall(r"-r (\S+)", command.text):
        assert (ROOT / file).is_file()


def test_extras_that_are_named_exist() -> None:
    extras = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    for document in names():
        assert set(re.findall(r"pip install\s+'\.\[(\w+)\]'", read(document))) <= set(extras), document


@pytest.mark.parametrize("command", commands_of_kind("docker"), ids=str)
def test_docker_command_names_targets_files_and_profiles_that_exist(command: Shown) -> None:
    """Images are built and run by hand: building one takes minutes and downloads."""
    dockerfile = read("Dockerfile")
    stages = re.findall(r"^FROM .* AS (\S+)$", dockerfile, re.MULTILINE)
    assert stages[-1] == "gpu"  # what is built without --target
    assert set(re.findall(r"--target (\S+)", command.text)) <= set(stages)
    for port in re.findall(r"-p \d+:(\d+)", command.text):
        assert f"EXPOSE {port}" in dockerfile
    for file in re.findall(r"-f (\S+)", command.text):
        services = yaml.safe_load((ROOT / file).read_text())["services"].values()
        profiles = {profile for service in services for profile in service.get("profiles", ())}
        assert set(re.findall(r"--profile (\S+)", command.text)) <= profiles
    for image in re.findall(r"docker run .*?(digits\S*)$", command.text):
        assert any(
            f"-t {image} " in built.text for built in commands_of_kind("docker") if built.document == command.document
        )


@pytest.mark.parametrize("command", commands_of_kind("kubectl"), ids=str)
def test_kubectl_command_names_a_kustomization(command: Shown) -> None:
    """There is no cluster here; tests/deploy holds the files against Kubernetes' schemas."""
    (path,) = re.findall(r"-k (\S+)", command.text)
    assert (ROOT / path / "kustomization.yaml").is_file()


@pytest.mark.parametrize("command", commands_of_kind("ray"), ids=str)
def test_ray_command_names_what_exists(command: Shown) -> None:
    """tests/deploy runs both on a local Ray, which takes minutes."""
    if match := re.search(r"run (\S+):(\w+)$", command.text):
        tree = ast.parse((ROOT / match[1].replace(".", "/")).with_suffix(".py").read_text())
        assigned = {
            name.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for name in node.targets
            if isinstance(name, ast.Name)
        }
        assert match[2] in assigned
    if match := re.search(r"-m (\S+)", command.text):
        source = (ROOT / match[1].replace(".", "/")).with_suffix(".py").read_text()
        assert all(f'"{option}"' in source for option in re.findall(r"--[a-z]+", command.text))
