"""${message}

Expand and contract: the version before this one keeps running while this migration runs. So a migration only
adds (tables, nullable or defaulted columns, indexes); what the old version still reads or writes is renamed or
dropped one release later. Large tables are filled in batches by a job, never here. Locks are waited for ten
seconds and then given up (see ``release_mgmt/store/migrate.py``). A downgrade undoes all of it.

Revision: ${up_revision}, after ${down_revision | comma,n}
"""

import sqlalchemy as sa

from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
