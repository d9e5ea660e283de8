"""Subscribe Evolution Data Server to a feed: ``python3 tests/clients/evolution.py URL [SECONDS]``.

Needs the system's Python with PyGObject and the libraries' descriptions (Debian: apt-get install evolution-data-server
python3-gi gir1.2-ecal-2.0) and a session bus (``dbus-run-session -- python3 ...``). The
subscription is removed at the end.
"""

from __future__ import annotations

import sys
import time

try:
    import gi

    gi.require_version("ECal", "2.0")
    gi.require_version("EDataServer", "1.2")
    from gi.repository import ECal, EDataServer, GLib, ICalGLib
except (ImportError, ValueError) as error:
    print(f"Evolution Data Server's libraries are not installed: {error}", file=sys.stderr)
    sys.exit(2)


def _told(value: ICalGLib.Time) -> str:
    """As ``expected.py`` writes it: a date, or an instant in UTC."""
    day = f"{value.get_year():04}-{value.get_month():02}-{value.get_day():02}"
    if value.is_date():
        return day
    return f"{day}T{value.get_hour():02}:{value.get_minute():02}:{value.get_second():02}Z"


def main(url: str, seconds: float) -> int:
    registry = EDataServer.SourceRegistry.new_sync(None)
    source = EDataServer.Source.new(None, None)
    source.set_display_name("release-mgmt")
    source.set_parent("webcal-stub")
    source.get_extension(EDataServer.SOURCE_EXTENSION_CALENDAR).set_backend_name("webcal")
    webdav = source.get_extension(EDataServer.SOURCE_EXTENSION_WEBDAV_BACKEND)
    webdav.set_uri(GLib.Uri.parse(url, GLib.UriFlags.NONE))
    registry.commit_source_sync(source, None)
    try:
        client = ECal.Client.connect_sync(source, ECal.ClientSourceType.EVENTS, int(seconds), None)
        client.refresh_sync(None)
        time.sleep(seconds)
        _, found = client.get_object_list_as_comps_sync("#t", None)
        lines = []
        for component in found:
            start, end = component.get_dtstart().get_value(), component.get_dtend().get_value()
            status = component.get_status().value_name.removeprefix("I_CAL_STATUS_")
            lines.append(f"{_told(start)} {_told(end)} {status} {component.get_summary().get_value()}")
        print("\n".join(sorted(lines)))
        return 0 if found else 1
    finally:
        registry.ref_source(source.get_uid()).remove_sync(None)  # ours does not know yet that it may go


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 10))
