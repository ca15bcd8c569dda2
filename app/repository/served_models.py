"""The models that are served now: found by name and by version or label, and replaced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator

from app.errors import ModelNotFound, NotReady
from app.observability.metrics import observe_loaded
from app.repository.servable import Servable, retire
from app.repository.version_policy import Labels
from app.setting_values import parse_version

logger = logging.getLogger(__name__)


class ServedModels:
    """Looked up by every request. `ModelRepository` decides what is served."""

    def __init__(self, default_model: str, fixed_labels: Labels) -> None:
        self.default_model = default_model
        self.fixed_labels = fixed_labels  # from the settings; they come before those of labels.json
        self.servables: dict[str, dict[int, Servable]] = {}  # by model, then version
        self.labels: dict[str, dict[str, int]] = {}  # by model, from its labels.json
        self.loading: set[str] = set()  # models of which a version is being loaded

    def get(self, name: str | None = None, version: int | None = None) -> Servable:
        """The named or the default model in the given or the newest version. Raises `ModelNotFound`."""
        versions = self.versions(name)
        if version is None:
            return versions[max(versions)]
        if version not in versions:
            name = name or self.default_model
            raise ModelNotFound(f"There is no version {version} of {name}. {self._choices(name, versions)}")
        return versions[version]

    def resolve(self, name: str | None = None, version: str | None = None) -> Servable:
        """The named or the default model in the version that a client names by its number or by a label.

        Without a version: the newest. Raises `ModelNotFound`, which names the versions and labels that there are.
        """
        if version is None:
            return self.get(name)
        number = parse_version(version)
        return self.get(name, self.version_of_label(name or self.default_model, version) if number is None else number)

    def versions(self, name: str | None = None) -> dict[int, Servable]:
        """All served versions of the named or the default model.

        Raises `ModelNotFound`, or `NotReady` while its first version is being loaded.
        """
        name = name or self.default_model
        if name not in self.servables:
            if name in self.loading:
                raise NotReady(f"The model {name!r} is being loaded: retry later.")
            served = ", ".join(sorted(self.servables)) or "none"
            raise ModelNotFound(f"There is no model {name!r}. Served: {served}.")
        return self.servables[name]

    def version_of_label(self, name: str, label: str) -> int:
        """Raises `ModelNotFound`."""
        version = self._all_labels(name).get(label)
        if version is None:
            choices = self._choices(name, self.versions(name))
            raise ModelNotFound(f"There is no version or label {label!r} of {name}. {choices}")
        return version

    def labels_of(self, servable: Servable) -> list[str]:
        labels = self._all_labels(servable.manifest.name)
        return sorted(label for label, number in labels.items() if number == servable.manifest.version)

    def __iter__(self) -> Iterator[Servable]:
        """By name, then version."""
        for _, versions in sorted(self.servables.items()):
            for _, servable in sorted(versions.items()):
                yield servable

    def check_ready(self, servable: Servable | None = None) -> None:
        """Raises `NotReady` if the servable, or the newest version of the default model, cannot run."""
        try:
            servable = servable or self.get()
        except ModelNotFound as error:
            raise NotReady(f"The default model is not served. {error.detail}") from error
        if problem := servable.batcher.problem:
            manifest = servable.manifest
            raise NotReady(f"{manifest.name} version {manifest.version} cannot run: {problem}.")

    def set_labels(self, name: str, labels: dict[str, int]) -> None:
        if labels != self.labels.get(name, {}):
            logger.info("labels of %s: %s", name, labels or "none")
        self.labels[name] = labels

    async def replace(self, name: str, new: dict[int, Servable]) -> None:
        """Registers the new servables, and retires the old ones after all requests that wait for them are answered."""
        old = self.servables.get(name, {})
        if new:
            self.servables[name] = new
        else:
            self.servables.pop(name, None)
        for version, servable in new.items():
            if servable is not old.get(version):
                model = servable.model
                observe_loaded(name, version, model.device, model.precision, loaded=True)
                logger.info("loaded %s version %d in %s on %s", name, version, model.precision, model.device)
        for version in old.keys() - new.keys():
            model = old[version].model
            observe_loaded(name, version, model.device, model.precision, loaded=False)
            logger.info("unloaded %s version %d", name, version)
        retired = [servable for version, servable in old.items() if servable is not new.get(version)]
        await asyncio.shield(retire(retired))  # a client that unloads a model may leave meanwhile

    def _choices(self, name: str, versions: Iterable[int]) -> str:
        """For clients that asked for something else."""
        labels = ", ".join(sorted(self._all_labels(name))) or "none"
        return f"Served: {', '.join(map(str, sorted(versions)))}; labels: {labels}."

    def _all_labels(self, name: str) -> dict[str, int]:
        fixed = {label: number for (model, label), number in self.fixed_labels.items() if model == name}
        return {**self.labels.get(name, {}), **fixed}
