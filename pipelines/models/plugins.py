"""Models that installed packages offer by entry point: which there are, and the function behind each name.

The ones that this project brings are declared in its own pyproject.toml and come through the same door. What a
package has to give is told in docs/extending.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pipelines.errors import MeetingError, ModelError

GROUPS = {
    "speech": "meeting.recognizers",
    "segmentation": "meeting.segmentations",
    "embedding": "meeting.embeddings",
}
"""What a model does, to the group of entry points in which it is offered"""
OWN_PACKAGE = "meeting-transcriber"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One model that an installed package offers."""

    role: str
    """A key of `GROUPS`"""
    name: str
    """As it is written in the settings"""
    package: str
    """Name of the package"""
    version: str
    entry: EntryPoint

    def __str__(self) -> str:
        return f"{self.name} ({self.package} {self.version})"


def installed_plugins(role: str) -> tuple[Plugin, ...]:
    """All that is offered in a role, by name; the same name may be there twice. Imports nothing."""
    found = []
    for entry in entry_points(group=GROUPS[role]):
        package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("an unknown package", "")
        found.append(Plugin(role, entry.name, package, version, entry))
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.package)))


def names_offered(role: str) -> tuple[str, ...]:
    """The names that may be chosen in a role, each once, sorted."""
    return tuple(sorted({plugin.name for plugin in installed_plugins(role)}))


def find_plugin(role: str, name: str) -> Plugin:
    """The only one of that name; raises ModelError where there is none, or where several packages offer one."""
    plugins = installed_plugins(role)
    named = [plugin for plugin in plugins if plugin.name == name]
    if len(named) == 1:
        return named[0]
    if not named:
        known = ", ".join(sorted({plugin.name for plugin in plugins})) or "none"
        raise ModelError(
            f"no installed package offers {name} in {GROUPS[role]} (there: {known}): install the package that does; "
            f"for one that comes with {OWN_PACKAGE} run `make setup`"
        )
    raise ModelError(
        f"{name} in {GROUPS[role]} is offered by {' and '.join(f'{each.package} {each.version}' for each in named)}: "
        "uninstall all but one of them"
    )


def import_plugin(plugin: Plugin) -> Callable[[Any], Any]:
    """The function that loads the model; raises ModelError, naming the package, where that cannot be imported."""
    try:
        load = plugin.entry.load()
    except Exception as error:  # a package may do anything while it is imported
        raise ModelError(_broken(plugin, f"{plugin.entry.value} cannot be imported", error)) from error
    if not callable(load):
        raise ModelError(_broken(plugin, f"{plugin.entry.value} is no function", None))
    return functools.partial(_load, plugin, load)


def plugin_problems() -> list[str]:
    """A sentence for each thing that is wrong with what is offered; imports what other packages offer."""
    problems = []
    for role in GROUPS:
        for name in names_offered(role):
            try:
                plugin = find_plugin(role, name)
                if plugin.package != OWN_PACKAGE:
                    import_plugin(plugin)
            except ModelError as error:
                problems.append(str(error))
    return problems


def _load(plugin: Plugin, load: Callable[[Any], Any], ref: Any) -> Any:
    try:
        return load(ref)
    except MeetingError:
        raise
    except Exception as error:
        raise ModelError(_broken(plugin, "it cannot be loaded", error)) from error


def _broken(plugin: Plugin, what: str, error: Exception | None) -> str:
    said = f" ({type(error).__name__}: {str(error)[:200]})" if error else ""
    cure = "run `make setup`" if plugin.package == OWN_PACKAGE else f"update {plugin.package}, or choose another model"
    offer = f"the package {plugin.package} {plugin.version} offers {plugin.name} in {GROUPS[plugin.role]}"
    return f"{offer}, but {what}{said}: {cure}"
