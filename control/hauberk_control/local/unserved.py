"""What control would make of a folder, worked out once and for nobody: no proxy is asked, and nothing is served or written."""

from functools import partial
from pathlib import Path

from hauberk_control.local.messages import Status
from hauberk_control.local.rows import condition_rows, file_problems
from hauberk_control.sources.scan import scan_folder
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import Object, Place, gather, key_of
from hauberk_control.translate.plugin_fields import fields_without
from hauberk_control.translate.translate import Translator
from hauberk_core.bounded_read import read_bounded
from hauberk_core.model.errors import ConfigError
from hauberk_core.plugin.control_plugins import read_policy, with_plugin_kinds
from hauberk_core.plugin.host import control_host
from hauberk_core.resources.read import read_file
from hauberk_core.resources.registry import CORE_KINDS
from hauberk_core.resources.yaml import LARGEST_FILE


def unserved_status(folder: Path) -> Status:
    """The conditions of every object in `folder`, but those that tell of proxies, and the mistakes in its files.

    Plugins that are installed here have their say, as they have in control. Blocks. Bad files are mistakes, and raise nothing.
    """
    plugins = control_host()
    kinds, failures = with_plugin_kinds(plugins, CORE_KINDS)
    scan = scan_folder(folder)
    errors: list[ConfigError] = [*failures, *scan.errors]
    objects: list[Object] = []
    for path in scan.stamps:
        try:
            with Path(path).open("rb") as file:
                data = read_bounded(file, LARGEST_FILE)
        except OSError as error:
            hint = "check whether you may read it"
            errors.append(ConfigError(origin=path, message=f"cannot be read: {error.strerror}", hint=hint))
            continue
        read = read_file(data, path, kinds=kinds)
        errors += read.errors
        objects += [
            Object(key_of(found.value), found.value, Place(path, found.line, found.column), found.written)
            for found in read.objects
        ]
    gathered = gather(objects)
    view = Translator(partial(read_policy, plugins), undone=fields_without(plugins.names())).view(gathered.store)
    rows = condition_rows(gathered.store, view_statuses(view), folder)
    return Status(
        conditions=[row for row in rows if not row.type.endswith("Programmed")],
        problems=[problem.text for problem in file_problems([*errors, *gathered.errors], folder)],
    )
