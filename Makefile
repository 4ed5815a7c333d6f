PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

train: $(BIN)/installed ## train on the embedded digits into runs/, with a report; ARGS="-p dataset cifar100" for another run
	@mkdir -p runs
	@PRL_WRITTEN=$(CURDIR)/runs/last.ipynb $(BIN)/python -m papermill --log-output nbs/train.ipynb runs/last.ipynb $(ARGS)
	@echo && grep -o 'Report: [^\"]*' runs/last.ipynb | tail -1

test: $(BIN)/installed-dev ## style, notebooks and tests in minutes; ARGS=--slow for all that CI runs
	@$(BIN)/python -m pytest $(ARGS)

properties: $(BIN)/installed-dev ## what holds for any input, tried on a hundred times as many inputs as `make test` draws
	@$(BIN)/python -m pytest tests/test_properties.py --hypothesis-profile=long -n 0 $(ARGS)

campaign: $(BIN)/installed-dev ## kill, cut and damage runs for some minutes, and count what is lost; ARGS="seed=1 minutes=30"
	@OMP_NUM_THREADS=1 $(BIN)/python tests/campaign report=reports/campaign.md $(ARGS)

study: $(BIN)/installed ## keep the study's long runs going, at low priority, until a signal; ARGS=state says how far they are, ARGS=bring collects records; ARGS="go threads=2 runs=FOLDER"
	@$(BIN)/python -m prl study $(or $(ARGS),go)

# of the committed pages those that need records alone
# compare-cifar100-quick waits for its run of prl_offset: made again, it would train it
REPORTS := study report compare-digits control-cifar100-quick control-cifar100-variants-quick ablation-digits recipe-cifar100

reports: $(BIN)/installed-dev ## make the pages in reports/ again from their records, each with its own parameters, and the index; REPORTS="report" for some
	$(BIN)/python -c "import sys; from prl.study.notebook import render; [print(render(f'reports/{name}.ipynb')) for name in sys.argv[1:]]" $(REPORTS)
	$(BIN)/nbdev_clean --fname reports
	$(BIN)/python -c "from prl.record import write_index; print(write_index())"

docs: $(BIN)/sphinx-build ## build the documentation site: open build/site/index.html
	@$(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees -c docs/site . build/site
	@echo build/site/index.html

benchmark: $(BIN)/installed-dev ## time training, starting, using and growing, on an otherwise idle machine; ARGS="-p sade FOLDER -p released FOLDER" for other people's code
	$(BIN)/python -m papermill nbs/benchmark.ipynb reports/benchmark-1branch.ipynb -p batch_size 128 -p rounds 5 -p steps 4 -p compiled True -p grow 8142 -p photographs 0 -p folder reports/benchmark/1branch $(ARGS)
	$(BIN)/python -m papermill nbs/benchmark.ipynb reports/benchmark-3branches.ipynb -p branches 3 -p batch_size 128 -p rounds 5 -p steps 4 -p compiled True -p grow 0 -p photographs 0 -p folder reports/benchmark/3branches $(ARGS)
	$(BIN)/python -m papermill nbs/benchmark.ipynb reports/benchmark-photographs.ipynb -p only photographs -p rounds 3 -p steps 1 -p photographs 256 -p photograph_batch 16 -y '{backbones: [resnext50, resnet50, resnet152]}' -p folder reports/benchmark/photographs
	$(BIN)/nbdev_clean --fname reports

gpu: $(BIN)/installed-dev ## the benchmark on a machine with a GPU, three pages of a few minutes each; ARGS as for benchmark
	@$(BIN)/python -c "import sys, torch; torch.cuda.is_available() or sys.exit(f'PyTorch {torch.__version__} finds no GPU here: none is there, or its driver is older than this PyTorch asks for')"
	$(BIN)/python -m papermill nbs/benchmark.ipynb reports/benchmark-gpu.ipynb -p only "train, start, use" -p branches 3 -p batch_size 128 -p rounds 5 -p steps 64 -p compiled True -p folder reports/benchmark/gpu/train $(ARGS)
	$(BIN)/python -m papermill nbs/benchmark.ipynb reports/benchmark-gpu-more.ipynb -p only "tried, together, growth, sweep" -p branches 3 -p batch_size 128 -p rounds 5 -p steps 64 -p together 8 -p compiled True -p grow 8142 -p folder reports/benchmark/gpu/more
	$(BIN)/python -m papermill nbs/benchmark.ipynb reports/benchmark-gpu-photographs.ipynb -p only photographs -p rounds 3 -p steps 16 -p photographs 1024 -p photograph_batch 128 -y '{backbones: [resnext50, resnet50, resnet152]}' -p folder reports/benchmark/gpu/photographs
	$(BIN)/nbdev_clean --fname reports

export: $(BIN)/installed-dev ## after editing a notebook: format and clean notebooks, write prl/, parameters of train.ipynb
	$(BIN)/ruff format nbs tests docs
	$(BIN)/nbdev_clean
	$(BIN)/nbdev_export
	$(BIN)/python -c "from prl.fit.help import write_parameters; write_parameters()"

$(BIN)/installed: pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or newer is needed, this is %d.%d: make PYTHON=python3.12 ...' % sys.version_info[:2])"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[report]"
	@touch $@

# to train needs less than to change the project
$(BIN)/installed-dev: $(BIN)/installed
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $@

$(BIN)/sphinx-build: $(BIN)/installed-dev
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	@touch $@

.PHONY: help train test campaign properties study reports docs benchmark gpu export
