# Everything a newcomer needs: `make demo` and `make test` work on a fresh clone; both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test test-fast test-slow lint samples calibrate train train-small rules bench clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -m hetscore.pipeline.warm_up
	touch $@

demo: setup  ## score the seven sample cases and compare with what is expected
	rm -rf demo-results
	$(BIN)/hetscore score slides_sample --out demo-results
	$(BIN)/python scripts/check_expected.py demo-results slides_sample/expected.csv

test: lint test-fast  ## what every change must pass

test-fast: setup
	$(BIN)/python -m pytest -q

test-slow: setup  ## tests on many phantoms and on the real development images
	$(BIN)/python -m pytest -q -m slow

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

samples: setup  ## draw slides_sample anew
	$(BIN)/python scripts/make_sample_slides.py

calibrate: setup  ## fit models/watershed from the development data beside the repository
	$(BIN)/python scripts/calibrate_default.py --data ../shared/data

train: setup  ## train models/gastric-her2 from phantoms and the development data: hours on two cores; goes on where it was
	$(BIN)/python -m scripts.train --data ../shared/data --cache training/fields --runs training/runs

train-small: setup  ## see that training learns: a few minutes
	rm -rf training/small
	$(BIN)/python -m scripts.train --stage small --cache training/small/fields --runs training/small/runs

rules: setup  ## write docs/rules.md and docs/counts.md anew from the tables
	$(BIN)/hetscore rules show --markdown > docs/rules.md.new && mv docs/rules.md.new docs/rules.md
	$(BIN)/hetscore rules columns > docs/counts.md.new && mv docs/counts.md.new docs/counts.md

BENCH ?=
bench: setup  ## speed and memory of every stage in one table, see docs/speed.md; BENCH="--json FILE" keeps the figures
	$(BIN)/python -m scripts.bench $(BENCH)

clean:
	rm -rf .venv demo-results training .pytest_cache .mypy_cache .ruff_cache .hypothesis
