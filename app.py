"""``flask run`` and ``gunicorn app:app`` start here."""

from release_mgmt.bootstrap import create_app

app = create_app()
