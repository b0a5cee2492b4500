"""`python -m scraper` is the command `scraper`."""

from scraper.cli import main

if __name__ == "__main__":
    main(prog_name="scraper")
