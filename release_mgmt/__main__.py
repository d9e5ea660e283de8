"""``python -m release_mgmt``."""

from release_mgmt.cli import main

if __name__ == "__main__":
    main()
